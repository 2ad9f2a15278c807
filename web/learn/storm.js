// Clients that are cut at the same time: when do they reconnect?

import { cutFor, session, withRoom } from '../api.js';
import { fit, FONT_PX } from '../diagram.js';
import { element, pause, until } from '../format.js';
import { activate } from './active_instrument.js';
import { picture } from './svg_context.js';
import { t } from './words.js';

const BIN_MS = 100;
const FIXED_MS = 1000;
const SPREAD_MS = 5000;
const SHOWN_MS = 5600;
const PATIENCE_MS = 20_000;

export class Storm {
  constructor(lab) {
    this.lab = lab;
    this.canvas = element('canvas', { class: 'chart', role: 'img', 'aria-label': t('tenths') });
    this.node = element('div', { class: 'storm websocket' }, this.canvas);
    this.sockets = [];
    this.back = [];
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
  }

  async watch() {
    await activate(this);
    this.draw();
  }

  dial(index) {
    const scheme = window.location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(`${scheme}//${window.location.host}${withRoom('/updates/ws', { session })}`);
    this.sockets[index] = socket;
    return socket;
  }

  /** Cuts all at once; each reconnects after `wait()`. Returns the largest number in any tenth of a second. */
  async storm(wait, progress = () => {}) {
    await activate(this);
    this.close();
    this.back = [];
    const { clients } = this.lab;
    for (let index = 0; index < clients; index += 1) this.dial(index);
    const areOpen = () => this.sockets.every((socket) => socket.readyState === WebSocket.OPEN);
    if (!await until(areOpen, PATIENCE_MS)) throw new Error('WebSockets');
    progress(0.3);
    let cutAt = null;
    for (const [index, socket] of this.sockets.entries()) {
      socket.onclose = () => {
        cutAt ??= performance.now();
        setTimeout(() => {
          this.back.push(performance.now() - cutAt);
          this.dial(index);
          this.draw();
        }, wait());
      };
    }
    await cutFor(0);
    await until(() => this.back.length >= clients, PATIENCE_MS);
    progress(0.9);
    await pause(300);
    this.draw();
    return this.busiest();
  }

  busiest() {
    const sorted = [...this.back].sort((a, b) => a - b);
    return Math.max(0, ...sorted.map((from, index) => sorted.slice(index).filter((at) => at < from + BIN_MS).length));
  }

  async run({ progress }) {
    const most = await this.storm(() => FIXED_MS, progress);
    const { clients } = this.lab;
    this.measured = most;
    this.theory = clients;
    return { measured: most, theory: clients, rows: [], details: { clients, most } };
  }

  async play(mode) {
    this.measured = NaN;
    const isSpread = mode === 'jitter';
    this.measured = await this.storm(() => (isSpread ? Math.random() * SPREAD_MS : FIXED_MS));
    this.theory = isSpread ? expectedMost(this.lab.clients, SPREAD_MS / BIN_MS) : this.lab.clients;
  }

  read() {
    return { measured: this.measured, theory: this.theory };
  }

  knobWords(mode) {
    return t(`retry_${mode}`);
  }

  draw(context = this.canvas.getContext('2d'), size = fit(this.canvas, context)) {
    const { width, height } = size;
    if (!width) return;
    const style = getComputedStyle(this.canvas);
    const color = (name) => style.getPropertyValue(name).trim();
    const bins = Array.from({ length: SHOWN_MS / BIN_MS }, () => 0);
    for (const at of this.back) bins[Math.min(bins.length - 1, Math.floor(at / BIN_MS))] += 1;
    const most = this.lab.clients;
    const [top, bottom] = [30, height - 26];
    context.clearRect(0, 0, width, height);
    context.font = `${FONT_PX}px ${style.fontFamily}`;
    context.fillStyle = color('--muted');
    context.fillText(t('tenths'), 4, 16);
    for (let second = 0; second * 1000 < SHOWN_MS; second += 1) {
      context.fillText(`${second} s`, (second * 1000 * width) / SHOWN_MS + 2, height - 6);
    }
    context.fillStyle = color('--line');
    context.fillRect(0, bottom, width, 1);
    context.fillStyle = color('--lane');
    for (const [index, count] of bins.entries()) {
      const tall = (count / most) * (bottom - top);
      if (count > 0) context.fillRect((index * width) / bins.length + 1, bottom - tall, width / bins.length - 2, tall);
    }
  }

  close() {
    for (const socket of this.sockets) {
      socket.onclose = null;
      socket.close();
    }
    this.sockets = [];
  }

  async stop() {
    this.close();
  }

  picture(title) {
    const { width, height } = this.canvas.getBoundingClientRect();
    return picture(width, height, title, (context) => this.draw(context, { width, height }));
  }
}

/** The expected maximum of this many bins, each with a Poisson count: the sum of P(maximum > m). */
function expectedMost(clients, bins) {
  const each = clients / bins;
  let [expected, below, term] = [0, 0, Math.exp(-each)];
  for (let m = 0; m < clients; m += 1) {
    below += term;
    term *= each / (m + 1);
    expected += 1 - below ** bins;
  }
  return expected;
}
