// The browser's connections: opens event streams until a small request finds none free. Shows a stream's text, too.

import { session, withRoom } from '../api.js';
import { element, pause, time } from '../format.js';
import { Lanes } from './lanes.js';
import { picture } from './svg_context.js';
import { t } from './words.js';

const STREAMS_MAX = 10;
/** A request on loopback that takes this long is stuck. */
const STUCK_AFTER_MS = 1500;
const HELD_MS = 1200;
/** The time in which the browser releases the previous connections. */
const LET_GO_MS = 800;
const SOCKETS = 12;
const LINES_SHOWN = 9;
/** The HTTP/1.1 connections of one browser to one host: MDN, "Using server-sent events". */
const CONNECTIONS = 6;

export class Slots extends Lanes {
  constructor(lab) {
    super(lab);
    this.slots = element('div', { class: 'slots', role: 'img', 'aria-label': t('slots') });
    this.status = element('p', { class: 'told', role: 'status' });
    this.raw = element('pre', { class: 'raw', tabindex: '0', 'aria-label': t('raw') });
    this.again = element('button', { type: 'button' }, t('sockets'));
    this.again.addEventListener('click', () => this.openSockets());
    this.show(0, false);
  }

  async start(settings) {
    await super.start(settings);
    this.node.append(element('p', { class: 'caption' }, t('raw')), this.raw, this.slots, this.status, this.again);
    this.readRaw();
  }

  /** The same stream by `fetch`, with which a page can see the bytes. */
  async readRaw() {
    const reading = new AbortController();
    this.reading = reading;
    try {
      const response = await fetch(withRoom('/updates/sse', { session }), { signal: reading.signal, cache: 'no-store' });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = '';
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        text = (text + value).split('\n').slice(-LINES_SHOWN - 1).join('\n');
        this.raw.replaceChildren(...text.split('\n').map((line) => {
          const [, field, rest] = /^(\w*:)(.*)$/.exec(line) ?? [, '', line];
          const cut = rest.length > 90 ? `${rest.slice(0, 90)}…` : rest;
          return element('span', {}, element('b', {}, field), `${cut}\n`);
        }));
      }
    } catch {
      // It was stopped here, or the server has ended.
    }
  }

  show(opened, isStuck) {
    this.slots.replaceChildren(...Array.from({ length: Math.max(CONNECTIONS, opened) + (isStuck ? 1 : 0) }, (_, index) => {
      const kind = index < opened ? 'sse more' : index >= Math.max(CONNECTIONS, opened) ? 'waits' : 'free';
      return element('span', { class: `slot ${kind}` }, index < opened ? `${index + 1}` : kind === 'waits' ? t('waits') : t('free'));
    }));
  }

  async run({ progress }) {
    await this.open(this.lab.settings);
    // Each stream holds a connection, so the count must begin with none.
    const streams = [];
    const { page } = this;
    for (const lane of page.lanes) lane.stop();
    this.reading?.abort();
    this.page = null;
    await pause(LET_GO_MS);
    try {
      while (streams.length < STREAMS_MAX) {
        const source = new EventSource(withRoom('/updates/sse'));
        await new Promise((done) => {
          source.onopen = done;
          setTimeout(done, STUCK_AFTER_MS);
        });
        streams.push(source);
        const opened = streams.filter((one) => one.readyState === EventSource.OPEN).length;
        this.show(opened, false);
        progress(opened / (CONNECTIONS + 1));
        const sent = performance.now();
        const answered = fetch('/clock', { cache: 'no-store' }).then(() => performance.now() - sent);
        const took = await Promise.race([answered, pause(STUCK_AFTER_MS).then(() => null)]);
        if (took !== null) {
          this.status.textContent = t('opened', { opened, took: time(took) });
          continue;
        }
        this.show(opened, true);
        this.status.textContent = t('stuck', { opened });
        await pause(HELD_MS);
        for (const one of streams) one.close();
        const waited = await answered;
        this.status.textContent = '';
        return { measured: opened, theory: CONNECTIONS, rows: [], details: { opened, waited: time(waited) } };
      }
      return { measured: streams.length, theory: CONNECTIONS, rows: [], details: { opened: streams.length, waited: '–' } };
    } finally {
      for (const one of streams) one.close();
    }
  }

  /** The browser counts WebSockets separately. */
  async openSockets() {
    const scheme = window.location.protocol === 'https:' ? 'wss:' : 'ws:';
    const sockets = Array.from({ length: SOCKETS }, () => new WebSocket(`${scheme}//${window.location.host}${withRoom('/updates/ws')}`));
    await Promise.all(sockets.map((socket) => new Promise((done) => { socket.onopen = done; socket.onerror = done; })));
    const sent = performance.now();
    await fetch('/clock', { cache: 'no-store' });
    const opened = sockets.filter((socket) => socket.readyState === WebSocket.OPEN).length;
    this.status.textContent = t('sockets_done', { opened, took: time(performance.now() - sent) });
    for (const socket of sockets) socket.close();
  }

  read() {
    return { measured: NaN, theory: NaN };
  }

  async stop() {
    this.reading?.abort();
    await super.stop();
  }

  /** The slots as they were when the request waited. */
  picture(title) {
    const style = getComputedStyle(this.slots);
    const color = (name) => style.getPropertyValue(name).trim();
    return picture(560, 96, title, (context) => {
      context.font = `15px ${style.fontFamily}`;
      context.fillStyle = color('--muted');
      context.fillText(t('slots'), 0, 16);
      for (let index = 0; index <= CONNECTIONS; index += 1) {
        const waits = index === CONNECTIONS;
        context.fillStyle = waits ? '#fff' : color('--sse');
        context.fillRect(index * 80, 32, 70, 40);
        context.strokeStyle = waits ? color('--bad') : color('--sse');
        context.lineWidth = 2;
        context.setLineDash(waits ? [5, 4] : []);
        context.strokeRect(index * 80, 32, 70, 40);
        context.fillStyle = waits ? color('--bad') : '#fff';
        context.fillText(waits ? t('waits') : `SSE ${index + 1}`, index * 80 + 12, 57);
      }
    });
  }
}
