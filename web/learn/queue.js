// A reader that is slower than the feed: where do updates wait, and how old is what is shown?

import { setFeed, withRoom } from '../api.js';
import { local, relate } from '../clock.js';
import { fit, FONT_PX } from '../diagram.js';
import { element, pause } from '../format.js';
import { activate } from './active_instrument.js';
import { picture } from './svg_context.js';
import { shown, t } from './words.js';

const SQUARE_PX = 11;

export class Queue {
  constructor(lab) {
    this.lab = lab;
    this.canvas = element('canvas', { class: 'chart', role: 'img', 'aria-label': t('waiting') });
    this.figures = element('p', { class: 'told', role: 'status' });
    this.node = element('div', { class: 'queue websocket' }, this.canvas, this.figures);
    this.reset();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
  }

  reset() {
    Object.assign(this, { arrived: 0, handled: 0, waiting: [], age: 0, began: null });
  }

  async watch() {
    await activate(this);
    await this.begin('socket');
  }

  /** Subscribes again, and reads one update every 1/mu seconds. */
  async begin(mode) {
    await this.end();
    if (mode === 'stream' && !('WebSocketStream' in window)) throw new Error(t('no_stream'));
    this.reset();
    this.mode = mode;
    await relate();
    const { rate, payload } = this.lab.settings;
    const { reads_per_s: reads } = this.lab;
    const scheme = window.location.protocol === 'https:' ? 'wss:' : 'ws:';
    const address = `${scheme}//${window.location.host}${withRoom('/updates/ws')}`;
    const due = (text) => {
      const { at_us: at } = JSON.parse(text);
      return at === undefined ? null : local(at);
    };
    const show = (moment) => {
      this.handled += 1;
      this.shownDue = moment;
    };
    await setFeed({ feed: 'steady', rate, payload });
    this.began = performance.now();
    if (mode === 'stream') {
      const stream = new WebSocketStream(address);
      this.stream = stream;
      const { readable } = await stream.opened;
      const reader = readable.getReader();
      const read = async () => {
        while (this.stream === stream) {
          const next = performance.now() + 1000 / reads;
          const { value, done } = await reader.read();
          if (done) return;
          const moment = due(value);
          if (moment === null) continue;
          this.arrived += 1;
          show(moment);
          await pause(next - performance.now());
        }
      };
      // Closing it ends the reading.
      read().catch(() => {});
    } else {
      const socket = new WebSocket(address);
      this.socket = socket;
      socket.onmessage = ({ data }) => {
        const moment = due(data);
        if (moment === null) return;
        this.arrived += 1;
        // Only the newest is kept: what waited is out of date.
        if (mode === 'newest') this.waiting.length = 0;
        this.waiting.push(moment);
      };
      let next = performance.now();
      this.reading = setInterval(() => {
        while (performance.now() >= next) {
          next += 1000 / reads;
          const moment = this.waiting.shift();
          if (moment !== undefined) show(moment);
        }
      }, 20);
    }
    this.drawing = setInterval(() => {
      if (this.shownDue !== undefined) this.age = performance.now() - this.shownDue;
      this.draw();
      this.figures.textContent = `${t('arrived')} ${this.arrived}, ${t('handled')} ${this.handled}, ${t('waiting')} ` +
        `${this.waiting.length}; ${t('shown_age')}: ${shown(this.age, 'ms')}`;
    }, 100);
  }

  async run({ progress }) {
    await activate(this);
    await this.begin('socket');
    const { seconds } = this.lab;
    // By the clock, not by the sum of pauses: the queue is read when the time of the question is over.
    for (let left = seconds * 1000; left > 0; left = this.began + seconds * 1000 - performance.now()) {
      progress(1 - left / (seconds * 1000));
      await pause(Math.min(left, 100));
    }
    const result = this.read();
    const details = { arrived: this.arrived, handled: this.handled, age: shown(this.age, 'ms') };
    clearInterval(this.drawing);
    this.draw();
    await this.end();
    return { ...result, rows: [], details };
  }

  /** The updates that wait in the page, and by theory: the number grows by the difference of the two rates. */
  read() {
    if (this.began === null) return { measured: NaN, theory: NaN };
    const { rate } = this.lab.settings;
    const elapsed = (performance.now() - this.began) / 1000;
    const grows = this.mode === 'socket' ? (rate - this.lab.reads_per_s) * elapsed : 0;
    return { measured: this.waiting.length, theory: grows };
  }

  async play(mode) {
    await activate(this);
    await this.begin(mode);
  }

  knobWords(mode) {
    return t(`mode_${mode}`);
  }

  draw(context = this.canvas.getContext('2d'), size = fit(this.canvas, context)) {
    const { width, height } = size;
    if (!width) return;
    const style = getComputedStyle(this.canvas);
    const color = (name) => style.getPropertyValue(name).trim();
    context.clearRect(0, 0, width, height);
    context.font = `${FONT_PX}px ${style.fontFamily}`;
    context.fillStyle = color('--muted');
    context.fillText(`${t('waiting')}: ${this.waiting.length}`, 4, 16);
    const columns = Math.floor((width - 8) / SQUARE_PX);
    context.fillStyle = color('--lane');
    for (let index = 0; index < this.waiting.length; index += 1) {
      const y = 24 + Math.floor(index / columns) * SQUARE_PX;
      if (y > height - SQUARE_PX) break;
      context.fillRect(4 + (index % columns) * SQUARE_PX, y, SQUARE_PX - 2, SQUARE_PX - 2);
    }
  }

  async end() {
    clearInterval(this.reading);
    clearInterval(this.drawing);
    this.socket?.close();
    const { stream } = this;
    this.stream = null;
    this.socket = null;
    stream?.close();
  }

  async stop() {
    await this.end();
    await setFeed({ feed: 'paused', rate: 1, payload: 128 }).catch(() => {});
  }

  picture(title) {
    const { width, height } = this.canvas.getBoundingClientRect();
    return picture(width, height, title, (context) => this.draw(context, { width, height }));
  }
}
