// The page: relates clocks, subscribes four times, and shows what happens.

import { newestCursor, readSession, setRoundTrip } from './api.js';
import { clock, keepRelated, relate } from './clock.js';
import { Controls, DEFAULTS, fromAddress } from './controls.js';
import { makeDeeds } from './cut.js';
import { LaneView } from './figures.js';
import { say, short, time } from './format.js';
import { makeLanes } from './lane.js';
import { makePredict } from './predict.js';
import { showReports } from './reports.js';
import { makeTabs } from './tabs.js';
import { makeTrap } from './trap.js';
import { makeUpward } from './upward.js';

const STATUS_MS = 1000;
const WORDS_MS = 100;
/** A request of this page that takes so long has most likely found no connection. */
const STALLED_MS = 3000;
/** With reduced motion the pictures change once a second instead of moving. */
const STILL_MS = 1000;
const BORN_KEPT = 6000;

const page = {
  settings: { ...DEFAULTS },
  canSetFeed: true,
  tab: 'controls',
  /** Every update that any lane has heard of: {seq, due, mark}. */
  born: [],
  lanes: [],
  status: null,
  base: null,
  frozenAt: null,
  isTrapped: false,
  tell: () => {},

  lane(key) {
    return this.lanes.find((lane) => lane.key === key);
  },

  onUpdate(lane, update, delivery) {
    delivery.mark = Boolean(update.data?.published_by_hand);
    if (update.seq <= (this.born.at(-1)?.seq ?? 0)) return;
    this.born.push({ seq: update.seq, due: delivery.due, mark: delivery.mark });
    if (this.born.length > BORN_KEPT * 1.25) this.born.splice(0, this.born.length - BORN_KEPT);
  },

  /** The server's counts for one lane since the figures were last set to zero. */
  counted(key) {
    if (!this.status || !this.base) return null;
    const now = this.status.lanes[key];
    const base = this.base.lanes[key];
    return Object.fromEntries(Object.entries(now).map(([name, value]) => [name, value - base[name]]));
  },

  async readStatus() {
    const stalled = setTimeout(() => { if (!this.isTrapped) warn(true); }, STALLED_MS);
    try {
      this.status = await readSession();
      this.base ??= this.status;
      for (const lane of this.lanes) lane.bytesOfRequest = this.status.lanes[lane.key].request_bytes;
      warn(false);
    } finally {
      clearTimeout(stalled);
    }
  },

  async countFromZero() {
    await this.readStatus();
    this.base = this.status;
    for (const lane of this.lanes) lane.resetFigures();
  },
};

/** For the console, and for the tests. */
window.pushpull = { page, clock };

function warn(isStalled) {
  const banner = document.getElementById('banner');
  banner.hidden = !isStalled;
  if (isStalled) {
    say(banner, 'The server does not answer this page. Either it has gone, or this browser has used up its six ' +
      'connections to it: each open page holds two. Close other pages of this server.');
  }
}

async function start() {
  const asked = fromAddress();
  await relate();
  keepRelated();
  page.status = await readSession();
  page.base = page.status;
  page.lanes = makeLanes(page);
  const controls = new Controls(page);
  controls.follow(page.status.feed);
  const { tab, ...settings } = asked;
  Object.assign(page.settings, settings);
  if (page.settings.rtt > 0) await setRoundTrip(page.settings.rtt);
  controls.show();
  makeDeeds(page);
  makePredict(page, controls);
  makeTrap(page);
  makeUpward(page);

  const root = document.getElementById('lanes');
  const views = page.lanes.map((lane) => new LaneView(lane, page));
  root.append(...views.map((view) => view.node));
  for (const view of views) view.attach();

  const select = makeTabs((name) => {
    page.tab = name;
    controls.writeAddress();
    if (name === 'reports') showReports();
  });
  if (tab) select(tab);
  if ('feed' in settings || 'rate' in settings || 'payload' in settings) await controls.change(settings);
  window.addEventListener('hashchange', () => {
    const { tab: wanted, ...changed } = fromAddress();
    if (wanted) select(wanted);
    controls.change(changed);
  });

  const cursor = await newestCursor();
  for (const lane of page.lanes) lane.start(cursor);
  buttons();
  draw(views);
  setInterval(() => words(views), WORDS_MS);
  keepStatus(views, controls);
}

function buttons() {
  const freeze = document.getElementById('freeze');
  freeze.addEventListener('click', () => {
    page.frozenAt = page.frozenAt === null ? performance.now() : null;
    freeze.setAttribute('aria-pressed', String(page.frozenAt !== null));
    say(freeze, page.frozenAt === null ? 'Freeze the picture' : 'Let it move');
  });
  document.getElementById('reset').addEventListener('click', () => page.countFromZero().catch(() => {}));
}

function draw(views) {
  const still = window.matchMedia('(prefers-reduced-motion: reduce)');
  let drawn = -Infinity;
  const frame = () => {
    requestAnimationFrame(frame);
    const now = performance.now();
    if (still.matches && now - drawn < STILL_MS) return;
    drawn = now;
    for (const view of views) view.diagram.draw(page.frozenAt ?? now);
    const top = Math.max(1, ...views.map((view) => view.chart.greatest()));
    for (const view of views) view.chart.draw(top);
  };
  frame();
}

function words(views) {
  const now = performance.now();
  for (const view of views) view.tick(now);
}

/** Asks the server once a second, one question at a time. */
async function keepStatus(views, controls) {
  for (;;) {
    try {
      await page.readStatus();
      controls.follow(page.status.feed);
      controls.show();
      const { pages } = page.status;
      say(document.getElementById('state'), `${clockWords()}${pages > 1 ? `, ${pages} pages watch` : ''}`);
    } catch {
      say(document.getElementById('state'), 'the server does not answer; this page goes on trying');
    }
    for (const view of views) view.summarise(page.counted(view.lane.key), page.status.segment_header_bytes);
    const { window: seconds } = page.settings;
    say(document.getElementById('axis-from'), `${short(seconds)} s ago`.replace('.00', ''));
    say(document.getElementById('axis-mid'), `${seconds / 2} s ago`);
    await new Promise((done) => { setTimeout(done, STATUS_MS); });
  }
}

function clockWords() {
  const words = `to ±${time(clock.roundTripMs / 2)}`;
  say(document.getElementById('clock-error'), `(${words})`);
  return `clocks related ${words}`;
}

start().catch((error) => {
  say(document.getElementById('state'), `This page could not start: ${error.message}. Load it again.`);
  throw error;
});
