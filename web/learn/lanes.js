// One or two lanes of the live page in a lesson: the same subscriptions, the same picture, one knob.

import { cutFor, newestCursor, room, session, setFeed, setRoundTrip, withRoom } from '../api.js';
import { ask } from '../api.js';
import { clock, keepRelated, relate } from '../clock.js';
import { element, pause } from '../format.js';
import { makeLanes } from '../lane.js';
import { Page } from '../page.js';
import { Story } from '../story.js';
import { Axis, LaneView } from '../view.js';
import { activate } from './active_instrument.js';
import { MEASURES } from './measures.js';
import { Strip } from './strip.js';
import { picture } from './svg_context.js';

/** Slow enough to follow: few updates, and a round trip so long that arrows are slanted. */
const WATCHED = { view: 'one', feed: 'steady', rate: 0.25, payload: 128, poll: 2000, hold: 25, rtt: 800, window: 6 };
const STATUS_MS = 400;
const FRAME_MS = 30;
const STILL_MS = 1000;
/** Before counting begins, everything that was sent with the previous settings may arrive. */
const SETTLE_MS = 700;

let related = null;

/** Synchronizes the clocks once for the whole page. */
function relateOnce() {
  related ??= relate().then(keepRelated);
  return related;
}

export const setMiddlebox = (middlebox) => ask(withRoom(`/live/session/${session}/middlebox`), middlebox);

export class Lanes {
  constructor(lab) {
    this.lab = lab;
    this.measures = MEASURES[lab.id];
    this.node = element('div', { class: 'lanes' });
    this.page = null;
  }

  /** Subscribes with these settings; a later call only changes them. */
  async open(settings) {
    await activate(this);
    if (!this.page) await this.start({ ...WATCHED, ...settings });
    await this.change(settings);
  }

  async start(settings) {
    const page = new Page({ ...settings });
    this.page = page;
    await relateOnce();
    await page.readStatus();
    await setRoundTrip(settings.rtt);
    page.lanes = makeLanes(page).filter((lane) => this.lab.lanes.includes(lane.key));
    page.story = new Story(page);
    window.pushpull = { page, clock, room };
    this.views = page.lanes.map((lane) => new LaneView(lane, page));
    const axis = element('canvas', { class: 'axis', 'aria-hidden': 'true' });
    const strip = this.lab.strip ? element('canvas', { class: `strip ${page.lanes[0].key}`, role: 'img', 'aria-label': this.lab.strip }) : null;
    this.node.replaceChildren(...this.views.map((view) => view.node), ...(strip ? [strip] : []), axis);
    for (const view of this.views) view.attach();
    this.axis = new Axis(axis);
    this.strip = strip ? new Strip(strip, page.lanes[0], page) : null;
    const cursor = await newestCursor();
    page.story.scene.at = performance.now();
    for (const lane of page.lanes) lane.start(cursor);
    this.draw();
    this.keepStatus(page);
  }

  draw() {
    const still = window.matchMedia('(prefers-reduced-motion: reduce)');
    let drawn = -Infinity;
    let textUpdated = -Infinity;
    const frame = () => {
      if (!this.page) return;
      requestAnimationFrame(frame);
      const now = performance.now();
      if (now - drawn < (still.matches ? STILL_MS : FRAME_MS)) return;
      drawn = now;
      this.page.story.follow(now);
      const picture = this.page.story.frame(now);
      for (const view of this.views) view.diagram.draw(picture);
      this.strip?.draw(picture);
      this.axis.draw(picture);
      if (now - textUpdated < 100) return;
      textUpdated = now;
      for (const view of this.views) view.tell(picture);
    };
    frame();
  }

  async keepStatus(page) {
    while (this.page === page) {
      // The server may be busy, or the browser may have no connection free: the next reading will show.
      await page.readStatus().catch(() => {});
      await pause(STATUS_MS);
    }
  }

  async change(settings) {
    const { page } = this;
    const before = { ...page.settings };
    Object.assign(page.settings, settings);
    const { feed, rate, payload, rtt } = page.settings;
    if (rtt !== before.rtt) await setRoundTrip(rtt);
    await setFeed({ feed, rate, payload });
    for (const lane of page.lanes) {
      if (lane.key === 'polling' && page.settings.poll !== before.poll) lane.settingsChanged();
    }
  }

  watch() {
    return this.open({ ...WATCHED, ...this.lab.watch });
  }

  /** The settings that follow from the guess, if any. */
  ofGuess() {
    return {};
  }

  async run({ guess, progress }) {
    await this.open({ ...this.lab.settings, ...this.ofGuess(guess) });
    const { page, lab } = this;
    await pause(SETTLE_MS + page.settings.rtt * 2);
    await page.countFromZero();
    for (let second = 0; second < lab.seconds; second += 0.1) {
      await pause(100);
      progress(second / lab.seconds);
    }
    await page.readStatus();
    return { ...this.read(), rows: this.measures.rows?.(page) ?? [], details: this.measures.details(page) };
  }

  /** The measured and the theoretical figure so far. */
  read() {
    const { page, lab, measures } = this;
    return { measured: measures.measure(page, lab), theory: measures.theory(page.settings, lab) };
  }

  /** Sets the knob, and counts from now on. */
  async play(value) {
    await this.open({ ...this.lab.settings, [this.lab.knob.name]: value });
    const { page } = this;
    await pause(SETTLE_MS + page.settings.rtt);
    if (this.page === page) await page.countFromZero();
  }

  async stop() {
    const { page } = this;
    if (!page) return;
    this.page = null;
    for (const lane of page.lanes) lane.stop();
    // A failure does not matter: the server drops a room that is no longer used.
    await setFeed({ feed: 'paused', rate: 1, payload: 128 }).catch(() => {});
  }

  /** The current picture, as SVG. */
  picture(title) {
    const { width, height } = this.views[0].diagram;
    const gap = 14;
    const parts = this.views.map((view) => view.diagram);
    const rows = [...parts, ...(this.strip ? [this.strip] : [])];
    const total = rows.reduce((sum, one) => sum + one.height + gap, 24);
    const frame = this.page.story.frame(performance.now());
    let inner = '';
    let y = 0;
    for (const row of rows) {
      const one = picture(row.width, row.height, '', (context) => {
        const before = row.context;
        row.context = context;
        row.draw(frame);
        row.context = before;
      });
      inner += `<g transform="translate(0 ${Math.round(y)})">${one.slice(one.indexOf('fill="#fff"/>') + 13, one.lastIndexOf('</svg>'))}</g>`;
      y += row.height + gap;
    }
    const axis = picture(width, 20, '', (context) => {
      const before = this.axis.context;
      this.axis.context = context;
      this.axis.draw(frame);
      this.axis.context = before;
    });
    inner += `<g transform="translate(0 ${Math.round(y)})">${axis.slice(axis.indexOf('fill="#fff"/>') + 13, axis.lastIndexOf('</svg>'))}</g>`;
    return picture(width, height === 0 ? 100 : total, title, (context) => context.parts.push(inner));
  }
}

export { cutFor };
