// The controls. What they are set to stands in the address, so that a setting can be passed on as a link; each is
// applied at once, without a reload.

import { Refused, setFeed, setRoundTrip } from './api.js';
import { bytes, element, length, plain, say } from './format.js';

const FEEDS = [
  ['replay', 'Earthquakes'], ['steady', 'Steady'], ['poisson', 'At random moments'], ['bursty', 'In bursts'],
  ['paused', 'Paused'],
];
/** How long a slider may still be moving. */
const SETTLE_MS = 180;

/** name: label, whose it is, its steps, how a value is shown, and what it means. */
const SLIDERS = {
  rate: ['Updates a second', 'shared', [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200], plain],
  payload: ['Data per update', 'shared', [16, 64, 128, 256, 1024, 4096, 16384], bytes],
  poll: ['Poll interval', 'own', [100, 200, 250, 500, 1000, 2000, 5000, 10000], length],
  hold: ['Long-poll hold', 'own', [1, 2, 5, 10, 25, 60], (value) => `${value} s`],
  rtt: ['Added round trip', 'own', [0, 20, 50, 100, 200, 300, 400, 500, 1000], length],
  window: ['Window', 'own', [2, 5, 10, 30], (value) => `${value} s`],
};

const BOUNDS = { rate: [0.1, 200], payload: [1, 16384], poll: [50, 60_000], hold: [0.5, 120], rtt: [0, 2000], window: [1, 30] };

export const DEFAULTS = { feed: 'replay', rate: 10, payload: 128, poll: 1000, hold: 25, rtt: 0, window: 5 };

/** The settings in the address; what is not understood is left out. */
export function fromAddress() {
  const found = {};
  for (const [name, text] of new URLSearchParams(window.location.hash.slice(1))) {
    const value = Number(text);
    if (name === 'feed' && FEEDS.some(([known]) => known === text)) found.feed = text;
    else if (name === 'tab' && /^[a-z]+$/.test(text)) found.tab = text;
    else if (BOUNDS[name] && text !== '' && value >= BOUNDS[name][0] && value <= BOUNDS[name][1]) found[name] = value;
  }
  return found;
}

export class Controls {
  constructor(page) {
    this.page = page;
    this.version = null;
    this.inputs = {};
    this.outputs = {};
    const select = element('select', { id: 'knob-feed' },
      ...FEEDS.map(([value, label]) => element('option', { value }, label)));
    select.addEventListener('change', () => this.change({ feed: select.value }));
    this.inputs.feed = select;
    const groups = {
      shared: element('fieldset', { class: 'shared' }, element('legend', {}, 'The feed, shared by all who watch')),
      own: element('fieldset', { class: 'own' }, element('legend', {}, 'This page alone')),
    };
    document.getElementById('knobs').append(groups.shared, groups.own);
    groups.shared.append(knob('feed', 'Feed', select));
    for (const [name, [label, whose, steps]] of Object.entries(SLIDERS)) {
      const input = element('input', { type: 'range', id: `knob-${name}`, min: 0, max: steps.length - 1, step: 1 });
      const output = element('output', { for: `knob-${name}` });
      input.addEventListener('input', () => this.change({ [name]: steps[Number(input.value)] }, SETTLE_MS));
      Object.assign(this.inputs, { [name]: input });
      Object.assign(this.outputs, { [name]: output });
      groups[whose].append(knob(name, label, input, output));
    }
    this.show();
  }

  /** Shows the settings as they are. */
  show() {
    const { settings } = this.page;
    this.inputs.feed.value = settings.feed;
    for (const [name, [label, , steps, words]] of Object.entries(SLIDERS)) {
      const value = settings[name];
      const nearest = steps.reduce((best, step, index) =>
        (Math.abs(step - value) < Math.abs(steps[best] - value) ? index : best), 0);
      this.inputs[name].value = String(nearest);
      this.inputs[name].setAttribute('aria-valuetext', `${label}: ${words(value)}`);
      say(this.outputs[name], words(value));
    }
    // A recording has its own sizes.
    this.inputs.payload.disabled = settings.feed === 'replay' || settings.feed === 'paused' || !this.page.canSetFeed;
    this.inputs.rate.disabled = settings.feed === 'paused' || !this.page.canSetFeed;
    this.inputs.feed.disabled = !this.page.canSetFeed;
    if (settings.feed === 'replay') say(this.outputs.payload, 'as recorded');
  }

  /** Takes changes over: shown at once, applied when the hand rests. */
  change(changes, settle = 0) {
    Object.assign(this.page.settings, changes);
    this.show();
    this.writeAddress();
    this.waiting = { ...this.waiting, ...changes };
    clearTimeout(this.timer);
    return new Promise((done) => {
      this.timer = setTimeout(() => this.apply().then(done), settle);
    });
  }

  async apply() {
    const changes = this.waiting ?? {};
    this.waiting = {};
    const { settings } = this.page;
    try {
      if ('feed' in changes || 'rate' in changes || 'payload' in changes) {
        const { feed, rate, payload } = settings;
        const state = await setFeed({ feed, rate, payload: Math.round(payload) });
        this.version = state.version;
      }
      if ('rtt' in changes) await setRoundTrip(settings.rtt);
      for (const lane of this.page.lanes) {
        if (lane.key === 'polling' && 'poll' in changes) lane.settingsChanged();
        if (lane.key === 'long_polling' && 'hold' in changes) lane.settingsChanged();
      }
      if (Object.keys(changes).some((name) => name !== 'window')) await this.page.countFromZero();
    } catch (error) {
      this.page.tell(error instanceof Refused ? error.message : 'The server cannot be reached; is it still running?');
    }
  }

  /** The feed as the server has it: another page may have set it. */
  follow(feed) {
    this.page.canSetFeed = feed.can_change;
    if (feed.version === this.version) return;
    const isNews = this.version !== null;
    this.version = feed.version;
    Object.assign(this.page.settings, { feed: feed.feed, rate: feed.rate, payload: feed.payload });
    this.show();
    if (isNews) {
      this.writeAddress();
      this.page.tell('Another page has set the feed that all share.');
      this.page.countFromZero();
    }
  }

  writeAddress() {
    const { settings, tab } = this.page;
    const query = new URLSearchParams();
    for (const name of Object.keys(DEFAULTS)) query.set(name, String(settings[name]));
    if (tab && tab !== 'controls') query.set('tab', tab);
    window.history.replaceState(null, '', `#${query}`);
  }
}

function knob(name, label, input, output = '') {
  return element('div', { class: 'knob' }, element('label', { for: `knob-${name}` }, label), input, output);
}
