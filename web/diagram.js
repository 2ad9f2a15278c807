// The moving sequence diagram of one lane. Time runs to the right and is the same in all lanes; the upper line is the
// server, the lower one this browser.

import { bytes as showBytes } from './format.js';

const SERVER_Y = 34;
const CLIENT_MARGIN = 22;
/** Nearer than this, arrows are not told apart and lose their heads; labels need more room than that. */
const HEAD_ROOM_PX = 7;
const LABEL_GAP_PX = 8;
const WAITING_STEP_PX = 2.5;
const WAITING_LEVELS = 11;

/** Where a list, ordered by time, begins to be visible. */
function firstVisible(list, time, from) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (time(list[middle]) < from) low = middle + 1;
    else high = middle;
  }
  return low;
}

export class Diagram {
  constructor(canvas, lane, page) {
    this.canvas = canvas;
    this.lane = lane;
    this.page = page;
    this.context = canvas.getContext('2d');
    this.readColors();
    window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.readColors());
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
  }

  readColors() {
    const style = getComputedStyle(this.canvas);
    const read = (name) => style.getPropertyValue(name).trim();
    this.color = { lane: read('--lane'), ink: read('--ink'), muted: read('--muted'), line: read('--line'),
      ground: read('--card'), bad: read('--bad'), mark: read('--mark'), font: style.fontFamily };
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    const { width, height } = this.canvas.getBoundingClientRect();
    this.width = width;
    this.height = height;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.clientY = height - CLIENT_MARGIN;
  }

  /** Draws the window that ends at `now`. */
  draw(now) {
    if (this.width === 0) return;
    this.now = now;
    this.from = now - this.page.settings.window * 1000;
    this.scale = this.width / (this.page.settings.window * 1000);
    this.context.clearRect(0, 0, this.width, this.height);
    // An exchange or a long wait may have begun before the window.
    const slack = this.from - 30_000;
    this.exchanges = this.lane.exchanges.slice(firstVisible(this.lane.exchanges, (one) => one.sent, slack))
      .filter((one) => (one.answered ?? now) >= this.from);
    this.deliveries = this.lane.deliveries.slice(firstVisible(this.lane.deliveries, (one) => one.arrived, this.from));
    this.streamsAndCuts();
    this.lines();
    this.waiting();
    this.arrows();
    this.labels();
    this.names();
  }

  x(moment) {
    return (moment - this.from) * this.scale;
  }

  streamsAndCuts() {
    const { context, clientY } = this;
    const band = (from, to) => {
      const left = Math.max(0, this.x(from));
      context.fillRect(left, SERVER_Y, Math.min(this.width, this.x(to ?? this.now)) - left, clientY - SERVER_Y);
    };
    context.fillStyle = this.color.lane;
    context.globalAlpha = 0.09;
    for (const stream of this.lane.streams) if ((stream.to ?? this.now) > this.from) band(stream.from, stream.to);
    context.fillStyle = this.color.bad;
    for (const cut of this.lane.cuts) if ((cut.until ?? this.now) > this.from) band(cut.at, cut.until);
    context.globalAlpha = 1;
  }

  lines() {
    const { context, clientY } = this;
    context.strokeStyle = this.color.line;
    context.lineWidth = 1.5;
    context.beginPath();
    for (const y of [SERVER_Y, clientY]) {
      context.moveTo(0, y);
      context.lineTo(this.width, y);
    }
    context.stroke();
    // A parked long poll is held by the server: from its arrival there to its answer.
    if (this.lane.key !== 'long_polling') return;
    context.strokeStyle = this.color.lane;
    context.globalAlpha = 0.55;
    context.lineWidth = 5;
    context.beginPath();
    for (const one of this.exchanges) {
      const parked = this.x(one.sent + this.lane.oneWay) + 1.5;
      const answered = this.x(one.left ?? this.now);
      if (answered - parked < 1.5) continue;
      context.moveTo(Math.max(-5, parked), SERVER_Y);
      context.lineTo(answered, SERVER_Y);
    }
    context.stroke();
    context.globalAlpha = 1;
  }

  /** Every update that waits at the server for this lane is a bar above the line, one above the other. */
  waiting() {
    const { context } = this;
    context.fillStyle = this.color.lane;
    context.globalAlpha = 0.75;
    let level = 0;
    let leftBefore = null;
    const bar = (due, left) => {
      level = left === leftBefore ? level + 1 : 0;
      leftBefore = left;
      const width = this.x(left) - this.x(due);
      if (width < 2) return;
      const y = SERVER_Y - 5 - Math.min(level, WAITING_LEVELS) * WAITING_STEP_PX;
      context.fillRect(this.x(due), y, width, 1.5);
    };
    for (const one of this.deliveries) bar(one.due, one.left);
    const last = this.lane.audit.last ?? 0;
    const { born } = this.page;
    for (const one of born.slice(firstVisible(born, (update) => update.seq, last + 1))) bar(one.due, this.now);
    context.globalAlpha = 1;
    // The updates themselves, as soon as any lane knows of them.
    context.fillStyle = this.color.ink;
    context.beginPath();
    for (const one of born.slice(firstVisible(born, (update) => update.due, this.from))) {
      const x = this.x(one.due);
      context.moveTo(x, SERVER_Y);
      context.arc(x, SERVER_Y, one.mark ? 4 : 1.8, 0, 7);
    }
    context.fill();
  }

  arrows() {
    const { context, clientY, lane } = this;
    const isPolling = lane.key === 'polling';
    const isStream = lane.key === 'sse' || lane.key === 'websocket';
    // An answer at once would lie on its request: the two are set apart by what the eye needs.
    const nudge = isPolling ? 4 : lane.key === 'long_polling' ? 1.5 : 0;
    const oneWay = lane.oneWay;
    this.upward = [];
    this.downward = [];
    for (const one of this.exchanges) {
      const side = isPolling ? -nudge : nudge;
      this.upward.push({ x1: this.x(one.sent) + side, x2: this.x(one.sent + oneWay) + side, one });
      if (one.answered === null || isStream) continue;
      const back = isPolling ? nudge : -nudge;
      this.downward.push({ x1: this.x(one.left ?? one.answered) + back, x2: this.x(one.answered) + back, one });
    }
    const kinds = {
      request: { color: this.color.muted, width: 1.2, dash: [], list: this.upward },
      empty: { color: this.color.muted, width: 1.2, dash: [3, 3],
        list: this.downward.filter(({ one }) => one.outcome === 'empty') },
      failed: { color: this.color.bad, width: 1.5, dash: [2, 3],
        list: this.downward.filter(({ one }) => one.outcome === 'failed') },
      some: { color: this.color.lane, width: 2, dash: [],
        list: this.downward.filter(({ one }) => one.outcome === 'some') },
      push: { color: this.color.lane, width: 1.4, dash: [], list: isStream
        ? this.deliveries.map((one) => ({ x1: this.x(one.left), x2: this.x(one.arrived), one })) : [] },
    };
    for (const [name, { color, width, dash, list }] of Object.entries(kinds)) {
      const isUp = name === 'request';
      const [y1, y2] = isUp ? [clientY, SERVER_Y] : [SERVER_Y, clientY];
      context.strokeStyle = color;
      context.fillStyle = color;
      context.lineWidth = width;
      context.setLineDash(dash);
      context.beginPath();
      for (const { x1, x2 } of list) {
        context.moveTo(x1, y1);
        context.lineTo(x2, y2);
      }
      context.stroke();
      context.setLineDash([]);
      this.heads(list, y1, y2);
    }
    if (isStream) this.pushed = kinds.push.list;
    this.messages();
    this.marks();
    this.cutSigns();
  }

  heads(list, y1, y2) {
    const { context } = this;
    const length = 6;
    let before = -Infinity;
    context.beginPath();
    for (const { x1, x2 } of list) {
      if (x2 - before < HEAD_ROOM_PX) continue;
      before = x2;
      const angle = Math.atan2(y2 - y1, x2 - x1);
      context.moveTo(x2, y2);
      for (const spread of [-0.42, 0.42]) {
        context.lineTo(x2 - length * Math.cos(angle + spread), y2 - length * Math.sin(angle + spread));
      }
      context.closePath();
    }
    context.fill();
  }

  /** What was sent up, and its echo. */
  messages() {
    const { context, clientY } = this;
    const oneWay = this.lane.oneWay;
    context.strokeStyle = this.color.mark;
    context.fillStyle = this.color.mark;
    context.lineWidth = 2;
    context.font = `600 12px ${this.color.font}`;
    for (const one of this.lane.messages) {
      const x = this.x(one.sent);
      const end = Math.max(this.x(one.answered), x + 8);
      if (end < 0) continue;
      const way = Math.min(oneWay * this.scale, (end - x) / 2);
      const up = [{ x1: x, x2: x + way }];
      const down = [{ x1: end - way, x2: end }];
      context.beginPath();
      context.moveTo(x, clientY);
      context.lineTo(x + way, SERVER_Y);
      context.moveTo(end - way, SERVER_Y);
      context.lineTo(end, clientY);
      context.stroke();
      this.heads(up, clientY, SERVER_Y);
      this.heads(down, SERVER_Y, clientY);
      context.fillText(`${one.how} ↑ ${showBytes(one.up)} ↓ ${showBytes(one.down)}`, Math.max(2, x - 40), SERVER_Y - 8);
    }
  }

  /** The update that somebody published by hand is easy to follow. */
  marks() {
    const { context } = this;
    context.strokeStyle = this.color.mark;
    context.fillStyle = this.color.mark;
    context.lineWidth = 2.5;
    for (const one of this.deliveries) {
      if (!one.mark) continue;
      context.beginPath();
      context.moveTo(this.x(one.due), SERVER_Y);
      context.lineTo(this.x(one.left), SERVER_Y);
      context.lineTo(this.x(one.arrived), this.clientY);
      context.stroke();
      context.beginPath();
      context.arc(this.x(one.due), SERVER_Y, 4, 0, 7);
      context.arc(this.x(one.arrived), this.clientY, 4, 0, 7);
      context.fill();
    }
  }

  cutSigns() {
    const { context, clientY } = this;
    context.strokeStyle = this.color.bad;
    context.fillStyle = this.color.bad;
    context.lineWidth = 2;
    context.font = `600 12px ${this.color.font}`;
    for (const cut of this.lane.cuts) {
      const x = this.x(cut.at);
      if (x < -100) continue;
      const y = (SERVER_Y + clientY) / 2;
      context.beginPath();
      for (const [dx, dy] of [[6, 6], [6, -6]]) {
        context.moveTo(x - dx, y - dy);
        context.lineTo(x + dx, y + dy);
      }
      context.stroke();
      context.fillText('cut', x + 10, y + 4);
    }
  }

  /** Figures beside arrows, wherever one has room: requests below the lower line, what comes down beside its arrow. */
  labels() {
    const { context, clientY } = this;
    const font = this.color.font;
    context.font = `12px ${font}`;
    let until = -Infinity;
    const row = (text, x, y, color) => {
      const width = context.measureText(text).width;
      const left = Math.max(2, x - width / 2);
      if (left < until || x > this.width - 2) return;
      context.fillStyle = color;
      context.fillText(text, left, y);
      until = left + width + LABEL_GAP_PX;
    };
    const isAsking = this.lane.key === 'polling' || this.lane.key === 'long_polling';
    for (const { x1, one } of this.upward) {
      const size = one.up || this.lane.bytesOfRequest;
      if (size) row(`↑ ${showBytes(size)}`, x1, clientY + 15, this.color.muted);
    }
    until = -Infinity;
    const beside = (text, x, color) => {
      const width = context.measureText(text).width;
      if (x < 0 || x < until || x + width > this.width) return;
      const y = SERVER_Y + (clientY - SERVER_Y) * 0.6;
      context.globalAlpha = 0.85;
      context.fillStyle = this.color.ground;
      context.fillRect(x - 2, y - 11, width + 4, 15);
      context.globalAlpha = 1;
      context.fillStyle = color;
      context.fillText(text, x, y);
      until = x + width + LABEL_GAP_PX;
    };
    if (isAsking) {
      for (const { x1, x2, one } of this.downward) {
        const x = (x1 + x2) / 2 + 6;
        if (one.outcome === 'empty' && one.down > 0) beside(`nothing, ${showBytes(one.down)}`, x, this.color.muted);
        if (one.outcome === 'failed') beside('broken', x, this.color.bad);
        if (one.outcome !== 'some') continue;
        const count = one.updates > 1 ? `${one.updates} updates, ` : '';
        beside(`${count}${showBytes(one.down)}`, x, this.color.lane);
      }
    } else {
      for (const { x1, x2, one } of this.pushed) beside(showBytes(one.bytes), (x1 + x2) / 2 + 5, this.color.lane);
    }
  }

  names() {
    const { context } = this;
    context.font = `11px ${this.color.font}`;
    for (const [text, y] of [['server', SERVER_Y + 13], ['this browser', this.clientY - 5]]) {
      const { width } = context.measureText(text);
      context.fillStyle = this.color.ground;
      context.globalAlpha = 0.85;
      context.fillRect(0, y - 10, width + 6, 13);
      context.globalAlpha = 1;
      context.fillStyle = this.color.muted;
      context.fillText(text, 2, y);
    }
  }

  /** What there is to see, in words. */
  describe() {
    const asks = this.lane.key === 'polling' || this.lane.key === 'long_polling';
    const count = this.exchanges?.length ?? 0;
    const empty = this.exchanges?.filter((one) => one.outcome === 'empty').length ?? 0;
    const requests = asks ? `${count} requests, ${empty} of them empty, ` : '';
    return `${this.lane.title}, the last ${this.page.settings.window} seconds: ${requests}` +
      `${this.deliveries?.length ?? 0} updates received`;
  }
}

/** The small chart: the age of what the lane shows, over the same window. */
export class AgeChart {
  constructor(canvas, diagram) {
    this.canvas = canvas;
    this.diagram = diagram;
    this.context = canvas.getContext('2d');
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    const { width, height } = this.canvas.getBoundingClientRect();
    Object.assign(this, { width, height });
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  /** The greatest age in the window, which all four charts share as their top. */
  greatest() {
    let greatest = 0;
    let due = null;
    for (const one of this.diagram.deliveries ?? []) {
      if (due !== null) greatest = Math.max(greatest, one.arrived - due);
      due = Math.max(due ?? 0, one.due);
    }
    return Math.max(greatest, due === null ? 0 : this.diagram.now - due);
  }

  draw(top) {
    const { context, diagram, width, height } = this;
    if (!width || !diagram.deliveries) return;
    const scale = width / (diagram.now - diagram.from);
    const x = (moment) => Math.max(0, (moment - diagram.from) * scale);
    const y = (age) => height - 1 - Math.min(1, age / top) * (height - 3);
    context.clearRect(0, 0, width, height);
    context.beginPath();
    let due = null;
    for (const one of diagram.deliveries) {
      if (due === null) {
        context.moveTo(x(one.arrived), y(one.arrived - one.due));
      } else {
        context.lineTo(x(one.arrived), y(one.arrived - due));
        context.lineTo(x(one.arrived), y(one.arrived - one.due));
      }
      due = one.due;
    }
    if (due !== null) context.lineTo(width, y(diagram.now - due));
    context.strokeStyle = diagram.color.lane;
    context.lineWidth = 1.3;
    context.stroke();
    context.lineTo(width, height);
    context.lineTo(diagram.deliveries.length ? x(diagram.deliveries[0].arrived) : width, height);
    context.globalAlpha = 0.15;
    context.fillStyle = diagram.color.lane;
    context.fill();
    context.globalAlpha = 1;
  }
}
