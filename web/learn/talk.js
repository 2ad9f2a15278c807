// A room in which pages send messages both ways: text, binary, ping and close, and each frame as the server saw it.

import { isRoomNamed, readSession, room, session, withRoom } from '../api.js';
import { element, pause } from '../format.js';
import { activate } from './active_instrument.js';
import { showFrame } from './frames.js';
import { picture } from './svg_context.js';
import { t } from './words.js';

const PATIENCE_MS = 5000;
const LINES_KEPT = 30;
/** The time between two strokes that are sent during drawing. */
const STROKE_MS = 60;
/** The message of the question. */
const HELLO = 'hello';
/** The values of 32 sensors. */
const NUMBERS = Float32Array.from({ length: 32 }, (_, index) => Math.sin(index) * 100);

export class Talk {
  constructor(lab) {
    this.lab = lab;
    this.received = [];
    this.build();
  }

  build() {
    this.here = element('p', { class: 'told', role: 'status' });
    this.log = element('ol', { class: 'log', 'aria-live': 'polite' });
    this.frame = element('div', { class: 'frames' });
    this.text = element('input', { id: 'talk-text', maxlength: 500, value: 'Hello!', autocomplete: 'off' });
    const form = element('form', { class: 'line' }, element('label', { for: 'talk-text' }, t('say')), this.text,
      element('button', { class: 'strong' }, t('send')));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.send(this.text.value);
    });
    this.canvas = element('canvas', { class: 'drawing', width: 640, height: 160, role: 'img', 'aria-label': t('draw') });
    this.drawing();
    const button = (words, action) => {
      const made = element('button', { type: 'button' }, words);
      made.addEventListener('click', action);
      return made;
    };
    this.code = element('input', { id: 'talk-code', value: '4000', size: 5, inputmode: 'numeric', 'aria-label': t('close') });
    const other = element('a', { href: `${window.location.pathname}#room=${room}`, target: '_blank' }, t('link'));
    this.node = element('div', { class: 'talk' }, this.here, form, this.frame, this.log,
      element('p', { class: 'caption' }, t('draw')), this.canvas,
      element('div', { class: 'after' }, button(t('ping'), () => this.order({ do: 'ping' })),
        element('span', { class: 'pair' }, button(t('close'), () => this.order({ do: 'close', code: Number(this.code.value) || 0, reason: 'asked for' })), this.code),
        button(t('break'), () => this.order({ do: 'break' })), button(t('reopen'), () => this.reopen()), isRoomNamed ? '' : other));
  }

  watch() {
    return this.open();
  }

  async open() {
    await activate(this);
    if (this.socket?.readyState === WebSocket.OPEN) return;
    const scheme = window.location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(`${scheme}//${window.location.host}${withRoom('/talk/ws', { session })}`);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    socket.onmessage = ({ data }) => this.receive(data);
    socket.onclose = ({ code, reason, wasClean }) => {
      this.write(t('closed', { code, reason: reason ? ` “${reason}”` : '', clean: t(wasClean ? 'clean' : 'unclean') }), 'closed');
    };
    await new Promise((done, fail) => {
      socket.onopen = done;
      socket.onerror = () => fail(new Error('WebSocket'));
    });
  }

  async reopen() {
    this.socket?.close();
    this.socket = null;
    await this.open();
  }

  write(words, kind = '') {
    this.log.prepend(element('li', { class: kind }, words));
    while (this.log.children.length > LINES_KEPT) this.log.lastChild.remove();
  }

  async send(message) {
    await this.open();
    this.socket.send(message);
  }

  order(order) {
    return this.send(JSON.stringify(order));
  }

  /** Handles a message: events of the room are JSON, the answer of the lesson's first server is plain text. */
  receive(data) {
    if (data instanceof ArrayBuffer) {
      if (!this.isMeasuring) this.stroke(new DataView(data));
      return;
    }
    let event = null;
    try {
      event = JSON.parse(data);
    } catch {
      if (!this.isMeasuring) this.write(t('answered', { text: data }), 'answer');
      return;
    }
    this.received.push(event);
    if (this.received.length > 100) this.received.shift();
    switch (event.kind) {
      case 'hello':
        this.you = event.you;
        this.here.textContent = t('here', event);
        break;
      case 'here': this.here.textContent = t('here', { here: event.here, you: this.you }); break;
      case 'text': if (!this.isMeasuring) this.write(t('sees', event), event.from === this.you ? 'own' : ''); break;
      case 'frame': this.show(event); break;
      case 'pong':
        this.write(t('ponged', { ms: (event.us / 1000).toFixed(1) }), 'answer');
        this.show(event);
        break;
      case 'missed': this.write(t('missed', event)); break;
      default: break;
    }
  }

  show(event) {
    this.lastFrame = event;
    this.frame.replaceChildren(element('p', { class: 'caption' }, t('yours_frame', event)), showFrame(event.hex));
  }

  /** Sends what is drawn: each point is two numbers of 16 bits. */
  drawing() {
    let points = [];
    let sent = 0;
    const flush = (isEnd) => {
      if (points.length < 2 || (!isEnd && performance.now() - sent < STROKE_MS)) return;
      sent = performance.now();
      const bytes = new DataView(new ArrayBuffer(points.length * 4));
      for (const [index, [x, y]] of points.entries()) {
        bytes.setUint16(index * 4, x);
        bytes.setUint16(index * 4 + 2, y);
      }
      points = isEnd ? [] : points.slice(-1);
      this.send(bytes.buffer);
    };
    this.canvas.addEventListener('pointerdown', (event) => this.canvas.setPointerCapture(event.pointerId));
    this.canvas.addEventListener('pointermove', (event) => {
      if (event.buttons === 0) return;
      const box = this.canvas.getBoundingClientRect();
      points.push([((event.clientX - box.left) / box.width) * 640, ((event.clientY - box.top) / box.height) * 160]
        .map((value) => Math.max(0, Math.min(65535, Math.round(value)))));
      flush(false);
    });
    for (const end of ['pointerup', 'pointercancel']) this.canvas.addEventListener(end, () => flush(true));
  }

  /** Draws a received stroke: the sender's number, then the points. */
  stroke(view) {
    const context = this.canvas.getContext('2d');
    context.strokeStyle = `hsl(${(view.getUint16(0) * 67) % 360} 70% 50%)`;
    context.lineWidth = 3;
    context.beginPath();
    for (let at = 2; at + 4 <= view.byteLength; at += 4) context.lineTo(view.getUint16(at), view.getUint16(at + 2));
    context.stroke();
  }

  /** Sends a message and returns how many bytes its frame had at the server. */
  async measured(message) {
    this.lastFrame = null;
    await this.send(message);
    const end = performance.now() + PATIENCE_MS;
    while (!this.lastFrame) {
      if (performance.now() > end) throw new Error('WebSocket');
      await pause(10);
    }
    return this.lastFrame.bytes;
  }

  async run({ progress }) {
    await this.open();
    // Messages that are sent only to be counted are not shown as chat or drawing.
    this.isMeasuring = true;
    const binary = await this.measured(NUMBERS.buffer);
    progress(0.2);
    const base64 = await this.measured(btoa(String.fromCharCode(...new Uint8Array(NUMBERS.buffer))));
    progress(0.4);
    const json = await this.measured(JSON.stringify([...NUMBERS]));
    progress(0.6);
    const before = (await readSession()).lanes.up_post.bytes_in;
    await fetch(withRoom('/echo', { session }), { method: 'POST', body: HELLO, cache: 'no-store' });
    const post = (await readSession()).lanes.up_post.bytes_in - before;
    progress(0.8);
    await pause(100);
    this.isMeasuring = false;
    // Last, so that its frame stays visible.
    const frame = await this.measured(HELLO);
    const rows = [[t('post'), post, 'measured'], [t('number'), binary, 'measured'], [t('base64'), base64, 'measured'], [t('json'), json, 'measured']];
    const details = { frame, post, times: Math.round(post / frame), binary, base64, json };
    // RFC 6455 section 5.2: 2 B of header, 4 B of mask, and the text.
    return { measured: frame, theory: 2 + 4 + HELLO.length, rows, details };
  }

  async stop() {
    this.socket?.close();
    this.socket = null;
  }

  /** The last frame, in the colours of its parts. */
  picture(title) {
    const cells = [...this.frame.querySelectorAll('.cell')];
    const style = getComputedStyle(this.frame);
    return picture(640, 84, title, (context) => {
      let x = 0;
      for (const cell of cells) {
        const [label, value, says] = [...cell.children].map((one) => one.textContent);
        const words = [[label, 16], [value, 42], [says, 68]];
        context.font = `14px ${style.fontFamily}`;
        const width = Math.max(...words.map(([word]) => context.measureText(word).width)) + 20;
        context.fillStyle = getComputedStyle(cell).borderTopColor;
        context.fillRect(x, 0, width - 8, 3);
        for (const [word, y] of words) {
          context.fillStyle = y === 42 ? getComputedStyle(cell).borderTopColor : '#56616e';
          context.font = y === 42 ? `600 15px monospace` : `14px ${style.fontFamily}`;
          context.fillText(word, x, y + 4);
        }
        x += width;
      }
    });
  }
}
