// A lane's words and figures. Counts and bytes are the server's own, for this page's connections; latency and age are
// measured here.

import { Diagram, AgeChart } from './diagram.js';
import { bytes, element, length, percent, quantile, say, time, whole } from './format.js';

const WHAT = {
  polling: (settings) => `asks every ${length(settings.poll)}`,
  long_polling: (settings) => `asks, and is held up to ${settings.hold} s`,
  sse: () => 'one response without end',
  websocket: () => 'frames both ways',
};

export class LaneView {
  constructor(lane, page) {
    this.lane = lane;
    this.page = page;
    const cell = (name, label, title) => {
      const value = element('dd', {}, '–');
      this[name] = value;
      return element('div', { title }, element('dt', {}, label), value);
    };
    this.what = element('p', { class: 'what' });
    this.badge = element('span', { class: 'badge', 'aria-hidden': 'true' }, '·');
    this.place = element('span', { class: 'place' }, 'nothing yet');
    this.age = element('b', {}, '–');
    this.news = element('p', { class: 'news' });
    this.traffic = element('p', { class: 'traffic', title: 'HTTP and WebSocket bytes to the server and from it' });
    const canvas = element('canvas', { class: 'diagram', role: 'img' });
    const chart = element('canvas', { class: 'chart', 'aria-hidden': 'true' });
    this.bar = element('div', { class: 'bar', role: 'img' },
      element('i', { class: 'payload' }), element('i', { class: 'framing' }), element('i', { class: 'tcp' }));
    this.node = element('section', { class: `lane ${lane.key}`, 'aria-label': lane.title },
      element('div', { class: 'who' },
        element('h2', {}, lane.title), this.what,
        element('p', { class: 'latest' }, this.badge, this.place),
        element('p', { class: 'age' }, this.age, ' old'),
        this.news),
      canvas,
      element('div', { class: 'figures' },
        element('dl', {},
          cell('updates', 'updates', 'Updates that the server handed to this lane'),
          cell('requests', 'requests', 'Requests, an open stream being one'),
          cell('empty', 'empty', 'Share of the requests that brought nothing'),
          cell('p50', 'late, median', 'From the moment an update was due to the moment this page had it'),
          cell('p99', 'late, p99', '99 of 100 updates were sooner'),
          cell('last', 'late, last', 'The latest update')),
        element('div', { class: 'wire' },
          element('dl', {}, cell('perUpdate', 'on the wire per update', 'All bytes both ways, TCP/IP headers included')),
          this.bar, this.traffic),
        element('div', { class: 'charted' }, chart, element('span', {}, 'age'))));
    this.canvas = canvas;
    this.chartNode = chart;
  }

  attach() {
    this.diagram = new Diagram(this.canvas, this.lane, this.page);
    this.chart = new AgeChart(this.chartNode, this.diagram);
  }

  /** What changes many times a second. */
  tick(now) {
    const { latest, latencies } = this.lane;
    if (!latest) return;
    say(this.age, time(now - latest.due));
    say(this.last, time(latencies.at(-1) ?? null));
    if (this.shown === latest.seq) return;
    this.shown = latest.seq;
    const { badge, place, isMark } = inWords(latest);
    say(this.badge, badge);
    say(this.place, place);
    this.badge.classList.toggle('mark', isMark);
  }

  /** What is worked out once a second. `counts` are the server's since the figures were last set to zero. */
  summarise(counts, headerBytes) {
    say(this.what, WHAT[this.lane.key](this.page.settings));
    const sorted = [...this.lane.latencies].sort((a, b) => a - b);
    say(this.p50, time(quantile(sorted, 0.5)));
    say(this.p99, time(quantile(sorted, 0.99)));
    this.canvas.setAttribute('aria-label', this.diagram.describe());
    this.tellCut();
    if (!counts) return;
    say(this.updates, whole(counts.updates));
    say(this.requests, whole(counts.requests));
    say(this.empty, counts.requests > 0 && this.isAsking() ? percent(counts.empty / counts.requests) : '–');
    say(this.traffic, `${bytes(counts.bytes_in)} up, ${bytes(counts.bytes_out)} down`);
    const parts = split(counts, headerBytes);
    const total = parts.payload + parts.framing + parts.tcp;
    say(this.perUpdate, counts.updates > 0 ? bytes(total / counts.updates) : '–');
    for (const [index, part] of ['payload', 'framing', 'tcp'].entries()) {
      this.bar.children[index].style.flexGrow = total > 0 ? String(parts[part] / total) : '0';
    }
    const share = (part) => percent(parts[part] / total);
    const words = total > 0
      ? `${share('payload')} data, ${share('framing')} headers and framing, ${share('tcp')} TCP/IP` : 'no bytes yet';
    this.bar.title = words;
    this.bar.setAttribute('aria-label', words);
  }

  isAsking() {
    return this.lane.key === 'polling' || this.lane.key === 'long_polling';
  }

  /** The last cut of this lane, for as long as it is news, and what its audit says. */
  tellCut() {
    const { audit } = this.lane;
    const cut = this.lane.cuts.at(-1);
    let words = '';
    if (audit.missing > 0) words = `${whole(audit.missing)} updates are missing`;
    else if (audit.announced > 0) words = `a gap of ${whole(audit.announced)} was announced`;
    if (cut && cut.until === null) words = 'cut off …';
    else if (cut && performance.now() - cut.until < 20_000) {
      const lost = audit.missing - cut.missingBefore;
      words = `back after ${time(cut.until - cut.at)}, ` + (lost > 0 ? `${lost} lost` : `${cut.recovered} recovered`);
    }
    say(this.news, words);
    this.news.classList.toggle('bad', audit.missing > 0 || Boolean(cut && cut.until === null));
  }
}

/** Where the bytes went. */
export function split(counts, headerBytes) {
  return {
    payload: counts.payload_bytes,
    framing: counts.bytes_in + counts.bytes_out - counts.payload_bytes,
    tcp: (counts.segments_in + counts.segments_out) * headerBytes,
  };
}

/** An update for people: an earthquake, a hand-made one, or a made-up one. */
function inWords({ seq, data }) {
  if (data && typeof data === 'object' && 'mag' in data) {
    const magnitude = Number(data.mag);
    return { badge: Number.isFinite(magnitude) ? magnitude.toFixed(1) : '?', place: String(data.place ?? ''), isMark: false };
  }
  if (data && typeof data === 'object' && 'published_by_hand' in data) {
    return { badge: '★', place: `published by hand, no. ${data.published_by_hand}`, isMark: true };
  }
  return { badge: '#', place: `update ${whole(seq)}`, isMark: false };
}
