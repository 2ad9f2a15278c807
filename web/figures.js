// The table of figures. The server counts requests and bytes of this page's connections; the page measures latency.

import { latency } from './clock.js';
import { bytes, element, percent, quantile, say, whole } from './format.js';

const COLUMNS = [
  ['updates', 'updates', 'Updates that the server sent to this lane'],
  ['requests', 'requests', 'Requests that were sent; an open stream is the answer to one of them'],
  ['empty', 'empty', 'Share of the requests that were answered without an update'],
  ['p50', 'late, median', 'From when an update was due to when this page received it'],
  ['p99', 'late, p99', '99 of 100 updates were sooner'],
  ['lost', 'lost', 'Updates that were never received'],
  ['messages', 'HTTP, frames', 'Bytes of requests, answers and frames per update, in both directions, as next to the arrows'],
  ['tcp', '+ TCP/IP', 'Bytes of TCP and IP headers per update'],
  ['total', '= per update', 'All bytes on the wire per update'],
  ['bar', 'data, headers, TCP/IP', 'Where those bytes went'],
];

/** The columns that need the bytes of each lane's own connection. */
const OF_BYTES = ['messages', 'tcp', 'total', 'bar'];

/** Whether the lanes share one HTTP/2 connection, whose bytes the server counts for the lane of the last request. */
export function isShared() {
  return performance.getEntriesByType('navigation')[0]?.nextHopProtocol === 'h2';
}

/** The bytes of a lane by purpose. */
export function split(counts, headerBytes) {
  return {
    payload: counts.payload_bytes,
    framing: counts.bytes_in + counts.bytes_out - counts.payload_bytes,
    tcp: (counts.segments_in + counts.segments_out) * headerBytes,
  };
}

export class Figures {
  constructor(page) {
    this.page = page;
    this.cells = {};
    this.isShared = isShared();
    const head = element('div', { class: 'row head', role: 'row' }, element('span', { role: 'columnheader' }, ''),
      ...COLUMNS.map(([, label, title]) => element('span', { role: 'columnheader', title }, label)));
    const rows = page.lanes.map((lane) => {
      const cells = COLUMNS.map(([name]) => {
        const title = this.isShared && OF_BYTES.includes(name) ? 'not counted separately over HTTP/2' : null;
        const cell = element('span', { role: 'cell', class: `cell ${name}`, title }, '–');
        this.cells[`${lane.key} ${name}`] = cell;
        return cell;
      });
      if (!this.isShared) {
        const parts = ['payload', 'framing', 'tcp'].map((name) => element('i', { class: name }));
        this.cells[`${lane.key} bar`].replaceChildren(element('span', { class: 'bar', role: 'img' }, ...parts));
      }
      return element('div', { class: `row ${lane.key}`, role: 'row' },
        element('b', { role: 'rowheader' }, lane.title), ...cells);
    });
    this.since = element('p', { class: 'aside' });
    this.since.id = 'since';
    const reset = element('button', { id: 'reset' }, 'Count from zero');
    reset.addEventListener('click', () => page.countFromZero().then(() => this.show()).catch(() => {}));
    const legend = element('p', { class: 'legend' }, element('i', { class: 'payload' }), 'data ',
      element('i', { class: 'framing' }), 'headers, framing ', element('i', { class: 'tcp' }), 'TCP/IP');
    document.getElementById('figures').append(
      element('div', { class: 'table', role: 'table', 'aria-label': 'Figures of the four transports' }, head, ...rows),
      element('div', { class: 'line' }, reset, legend, this.since));
  }

  show() {
    const { page } = this;
    for (const lane of page.lanes) {
      const set = (name, words) => say(this.cells[`${lane.key} ${name}`], words);
      const sorted = [...lane.latencies].sort((a, b) => a - b);
      set('p50', latency(quantile(sorted, 0.5)));
      set('p99', latency(quantile(sorted, 0.99)));
      set('lost', whole(lane.audit.missing + lane.audit.announced));
      const counts = page.counted(lane.key);
      if (!counts) continue;
      set('updates', whole(counts.updates));
      const isOpen = lane.streams.at(-1)?.to === null;
      // A stream that was opened before counting started is not a request since then, and has no empty share.
      set('requests', isOpen && counts.requests <= 1 ? '1 open' : isOpen ? `${whole(counts.requests)}, 1 open` : whole(counts.requests));
      set('empty', lane.isAsking && counts.requests > 0 ? percent(counts.empty / counts.requests) : '–');
      if (this.isShared) continue;
      const parts = split(counts, page.status.segment_header_bytes);
      const messages = parts.payload + parts.framing;
      const total = messages + parts.tcp;
      const each = (sum) => (counts.updates > 0 ? bytes(sum / counts.updates) : '–');
      set('messages', each(messages));
      set('tcp', each(parts.tcp));
      set('total', each(total));
      const bar = this.cells[`${lane.key} bar`].firstChild;
      for (const [index, part] of ['payload', 'framing', 'tcp'].entries()) {
        bar.children[index].style.flexGrow = total > 0 ? String(parts[part] / total) : '0';
      }
      bar.setAttribute('aria-label', total > 0
        ? ['payload', 'framing', 'tcp'].map((part, i) => `${percent(parts[part] / total)} ${['data', 'headers and framing', 'TCP/IP'][i]}`).join(', ')
        : 'no bytes yet');
    }
    const opened = page.isCountedFromStart ? ', including the opening of the connections' : '';
    const what = this.isShared
      ? 'Requests as the server counted them; over HTTP/2 the lanes share one connection, whose bytes are not separated.'
      : 'Bytes and requests as the server counted them.';
    say(this.since, `Since ${page.countedSince}${opened}. ${what}`);
  }
}
