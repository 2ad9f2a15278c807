// The settings. They are in the page's address, so that a link can pass them on. Each is applied at once, without a
// reload.

import { isRoomNamed, MAIN, Refused, room, setFeed, setRoundTrip } from './api.js';
import { bytes, element, length, rate, say } from './format.js';

const FEEDS = [
  ['steady', 'Steady'], ['poisson', 'At random moments'], ['bursty', 'In bursts'], ['replay', 'Earthquakes'], ['paused', 'Paused'],
];
const VIEWS = [['one', 'One update'], ['window', 'Last seconds']];
/** How long a slider must rest before its value is applied. */
const SETTLE_MS = 180;

/** name: label, group, steps, format of a value. */
const SLIDERS = {
  rate: ['Updates', 'feed', [0.1, 0.15, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200], rate],
  payload: ['Data per update', 'feed', [16, 64, 128, 256, 1024, 4096, 16384], bytes],
  poll: ['Poll interval', 'page', [100, 200, 250, 500, 1000, 2000, 5000, 10000], length],
  hold: ['Long-poll hold', 'page', [1, 2, 5, 10, 25, 60], (value) => `${value} s`],
  rtt: ['Added round trip', 'page', [0, 20, 50, 100, 200, 300, 400, 500, 800, 1000], length],
  window: ['Last seconds', 'page', [2, 5, 10, 30], (value) => `${value} s`],
};

const BOUNDS = { rate: [0.1, 200], payload: [1, 16384], poll: [50, 60_000], hold: [0.5, 120], rtt: [0, 2000], window: [1, 30] };

/** Slow enough to follow: an update every few seconds, and so much latency that the arrows are slanted. */
export const DEFAULTS = { view: 'one', feed: 'steady', rate: 0.15, payload: 128, poll: 2000, hold: 25, rtt: 800, window: 5 };
const FEED_SETTINGS = ['feed', 'rate', 'payload'];

/** The settings in the address; unknown or invalid ones are ignored. */
export function fromAddress() {
  const found = {};
  for (const [name, text] of new URLSearchParams(window.location.hash.slice(1))) {
    const value = Number(text);
    if (name === 'feed' && FEEDS.some(([known]) => known === text)) found.feed = text;
    else if (name === 'view' && VIEWS.some(([known]) => known === text)) found.view = text;
    else if (name === 'panel' && /^[a-z-]+$/.test(text)) found.panel = text;
    else if (BOUNDS[name] && text !== '' && value >= BOUNDS[name][0] && value <= BOUNDS[name][1]) found[name] = value;
  }
  return found;
}

export class Settings {
  constructor(page) {
    this.page = page;
    this.version = null;
    this.inputs = {};
    this.outputs = {};
    const groups = {
      feed: element('fieldset', { class: 'feed' }, element('legend', {}, feedLegend())),
      page: element('fieldset', { class: 'page' }, element('legend', {}, 'This page')),
    };
    document.getElementById('settings').append(groups.feed, groups.page);
    groups.feed.append(this.choice('feed', 'Feed', FEEDS));
    groups.page.append(this.choice('view', 'Picture', VIEWS));
    for (const [name, [label, whose, steps]] of Object.entries(SLIDERS)) {
      const input = element('input', { type: 'range', id: `setting-${name}`, min: 0, max: steps.length - 1, step: 1 });
      const output = element('output', { for: `setting-${name}` });
      input.addEventListener('input', () => this.fromHand({ [name]: steps[Number(input.value)] }, SETTLE_MS));
      this.inputs[name] = input;
      this.outputs[name] = output;
      groups[whose].append(setting(name, label, input, output));
    }
    const other = room === MAIN ? ['#', 'Show this page’s own stream'] : [`#room=${MAIN}`, 'Show the main stream, which all pages share'];
    const link = element('a', { href: other[0] }, other[1]);
    // The room is chosen when the page starts.
    link.addEventListener('click', () => setTimeout(() => window.location.reload()));
    groups.feed.append(element('p', { class: 'aside' }, link));
    this.show();
  }

  choice(name, label, options) {
    const select = element('select', { id: `setting-${name}` }, ...options.map(([value, words]) => element('option', { value }, words)));
    select.addEventListener('change', () => this.fromHand({ [name]: select.value }));
    this.inputs[name] = select;
    return setting(name, label, select);
  }

  /** Shows the current settings. */
  show() {
    const { settings, canSetFeed } = this.page;
    for (const name of ['feed', 'view']) this.inputs[name].value = settings[name];
    for (const [name, [label, , steps, words]] of Object.entries(SLIDERS)) {
      const value = settings[name];
      const nearest = steps.reduce((best, step, index) =>
        (Math.abs(step - value) < Math.abs(steps[best] - value) ? index : best), 0);
      this.inputs[name].value = String(nearest);
      this.inputs[name].setAttribute('aria-valuetext', `${label}: ${words(value)}`);
      say(this.outputs[name], words(value));
    }
    // A recording has its own payload sizes.
    this.inputs.payload.disabled = settings.feed === 'replay' || settings.feed === 'paused' || !canSetFeed;
    this.inputs.rate.disabled = settings.feed === 'paused' || !canSetFeed;
    this.inputs.feed.disabled = !canSetFeed;
    if (settings.feed === 'replay') say(this.outputs.payload, 'as recorded');
  }

  /** Applies a change by the user, and shows an error. */
  async fromHand(changes, settle = 0) {
    try {
      await this.change(changes, settle);
    } catch (error) {
      this.page.tell(error instanceof Refused ? error.message : 'The server cannot be reached; is it still running?');
    }
  }

  /** Shows changes at once, and applies them after `settle` ms without another. Fails if the server refuses them. */
  change(changes, settle = 0) {
    Object.assign(this.page.settings, changes);
    this.show();
    this.writeAddress();
    this.waiting = { ...this.waiting, ...changes };
    clearTimeout(this.timer);
    return new Promise((done, fail) => {
      this.timer = setTimeout(() => this.apply().then(done, fail), settle);
    });
  }

  async apply() {
    const changes = this.waiting ?? {};
    this.waiting = {};
    const { settings } = this.page;
    const has = (...names) => names.some((name) => name in changes);
    // Before the feed starts, so that its first update is counted too.
    if (Object.keys(changes).some((name) => name !== 'window' && name !== 'view')) await this.page.countFromZero();
    if (has(...FEED_SETTINGS)) {
      try {
        const { feed, rate: perSecond, payload } = settings;
        const state = await setFeed({ feed, rate: perSecond, payload: Math.round(payload) });
        this.version = state.version;
      } catch (error) {
        // Shows the actual feed again.
        this.version = null;
        if (this.page.status) this.follow(this.page.status.feed);
        throw error;
      }
    }
    if (has('rtt')) await setRoundTrip(settings.rtt);
    for (const lane of this.page.lanes) {
      if (lane.key === 'polling' && has('poll')) lane.settingsChanged();
      if (lane.key === 'long_polling' && has('hold')) lane.settingsChanged();
    }
  }

  /** Takes over the server's feed setting, which another page in this room may have changed. */
  follow(feed) {
    this.page.canSetFeed = feed.can_change;
    if (feed.version === this.version) return;
    const isNews = this.version !== null;
    this.version = feed.version;
    Object.assign(this.page.settings, { feed: feed.feed, rate: feed.rate, payload: feed.payload });
    this.show();
    if (isNews) {
      this.writeAddress();
      this.page.tell('Another page in this room has changed the feed.');
      this.page.countFromZero();
    }
  }

  writeAddress() {
    const { settings, panel } = this.page;
    const query = new URLSearchParams();
    if (isRoomNamed) query.set('room', room);
    for (const name of Object.keys(DEFAULTS)) query.set(name, String(settings[name]));
    if (panel) query.set('panel', panel);
    window.history.replaceState(null, '', `#${query}`);
  }
}

function feedLegend() {
  if (room === MAIN) return 'The feed, shared by all pages of the main stream';
  return isRoomNamed ? `The feed of room ${room}` : 'The feed of this page’s own room';
}

function setting(name, label, input, output = '') {
  return element('div', { class: 'setting' }, element('label', { for: `setting-${name}` }, label), input, output);
}
