// The sequence diagram of one lane. Time runs to the right and is the same in all lanes; the upper line is the server,
// the lower line is this browser. It draws one frame: an interval of time, the current moment in it, and the scene.
//
// Over 400 lines: one picture, and all its parts share its coordinates.

import { latency } from './clock.js';
import { bytes as showBytes, counted } from './format.js';
import { drawFrame, drawTextBlock } from './glyphs.js';
import { say } from './phrases.js';
import { followed } from './sentences.js';

/** No text is smaller: it must be readable from the back of a classroom. */
export const FONT_PX = 14;
/** Margins above the server's line and below the browser's: a row of text, or less if there is no space. */
const MARGIN_PX = [26, 23];
const MARGIN_LOW_PX = [14, 20];
const LOW_PX = 88;
/** Arrows that are closer than this are drawn without heads, which would overlap. */
const HEAD_ROOM_PX = 7;
const LABEL_GAP_PX = 8;
const WAITING_STEP_PX = 2.5;
const WAITING_LEVELS = 7;
/** How long before the frame an exchange or a wait may have started. */
const SLACK_MS = 30_000;

/** The index of the first visible item in a list that is ordered by time. */
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

/** Sets a canvas to the resolution of the screen. */
export function fit(canvas, context) {
  const ratio = window.devicePixelRatio || 1;
  const { width, height } = canvas.getBoundingClientRect();
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { width, height };
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
    this.color = { lane: read('--lane'), ink: read('--ink'), muted: read('--muted'), line: read('--line'), edge: read('--edge'),
      ground: read('--card'), bad: read('--bad'), good: read('--good'), mark: read('--mark'),
      font: style.fontFamily, mono: read('--mono') };
  }

  resize() {
    Object.assign(this, fit(this.canvas, this.context));
    this.isLow = this.height < LOW_PX;
    const [above, below] = this.isLow ? MARGIN_LOW_PX : MARGIN_PX;
    this.serverY = above;
    this.clientY = this.height - below;
  }

  draw(frame) {
    if (!this.width) return;
    Object.assign(this, frame);
    this.frame = frame;
    this.scale = this.width / (this.to - this.from);
    this.context.clearRect(0, 0, this.width, this.height);
    const { lane } = this;
    this.exchanges = lane.exchanges.slice(firstVisible(lane.exchanges, (one) => one.sent, this.from - SLACK_MS))
      .filter((one) => (one.answered ?? this.now) >= this.from && one.sent <= this.now);
    this.deliveries = lane.deliveries.slice(firstVisible(lane.deliveries, (one) => one.arrived, this.from))
      .filter((one) => one.left <= this.now);
    this.taken = [];
    this.grid();
    this.streamsAndCuts();
    this.lines();
    this.waiting();
    this.arrows();
    this.pings();
    this.messages();
    this.story();
    this.labels();
    this.names();
    this.nowLine();
  }

  x(moment) {
    return (moment - this.from) * this.scale;
  }

  /** The x position of the current moment. */
  get nowX() {
    return Math.min(this.width, this.x(this.now));
  }

  grid() {
    const { context } = this;
    context.fillStyle = this.color.edge;
    for (const { at } of ticks(this.frame)) context.fillRect(Math.round(this.x(at)), 0, 1, this.height);
    if (this.origin === null || this.scene.kind === 'open') return;
    context.fillStyle = this.scene.kind === 'cut' ? this.color.bad : this.color.muted;
    context.fillRect(Math.round(this.x(this.origin)) - 0.5, 0, 1.5, this.height);
  }

  streamsAndCuts() {
    const { context, clientY } = this;
    const band = (from, to) => {
      const left = Math.max(0, this.x(from));
      const right = Math.min(this.nowX, this.x(to ?? this.now));
      context.fillRect(left, this.serverY, Math.max(0, right - left), clientY - this.serverY);
      return [left, right];
    };
    for (const stream of this.lane.streams) {
      if ((stream.to ?? this.now) <= this.from || stream.from > this.now) continue;
      context.globalAlpha = 0.1;
      context.fillStyle = this.color.lane;
      const [left, right] = band(stream.from, stream.to);
      this.directions(left, right);
    }
    context.globalAlpha = 0.1;
    context.fillStyle = this.color.bad;
    for (const cut of this.lane.cuts) {
      if ((cut.until ?? this.now) > this.from && cut.at <= this.now) band(cut.at, cut.until);
    }
    context.globalAlpha = 1;
  }

  /** Draws the directions of a stream: down only, or both. */
  directions(left, right) {
    const { context, clientY, lane } = this;
    const middle = (this.serverY + clientY) / 2;
    context.strokeStyle = this.color.lane;
    context.globalAlpha = 0.3;
    context.lineWidth = 1.5;
    context.beginPath();
    const STEP = 26;
    for (let x = Math.ceil(left / STEP) * STEP, up = Math.ceil(left / STEP) % 2; x < right - 4; x += STEP, up = 1 - up) {
      const way = lane.key === 'websocket' && up ? -1 : 1;
      context.moveTo(x - 4, middle - 2.5 * way);
      context.lineTo(x, middle + 2.5 * way);
      context.lineTo(x + 4, middle - 2.5 * way);
    }
    context.stroke();
    context.globalAlpha = 1;
  }

  lines() {
    const { context, clientY } = this;
    for (const [color, from, to] of [[this.color.muted, 0, this.nowX], [this.color.line, this.nowX, this.width]]) {
      context.fillStyle = color;
      for (const y of [this.serverY, clientY]) context.fillRect(from, y - 0.75, to - from, 1.5);
    }
    // The server holds a parked long poll from its arrival until its answer.
    if (this.lane.key !== 'long_polling') return;
    context.fillStyle = this.color.lane;
    context.globalAlpha = 0.5;
    for (const one of this.exchanges) {
      if (one.outcome === 'failed') continue;
      const parked = Math.max(-5, this.x(one.sent + this.lane.oneWay) + 1.5);
      const answered = Math.min(this.nowX, this.x(one.left ?? this.now));
      if (answered - parked > 1.5) context.fillRect(parked, this.serverY - 3, answered - parked, 6);
    }
    context.globalAlpha = 1;
  }

  /** Draws a bar above the server's line for each update that waits at the server, stacked. */
  waiting() {
    const { context } = this;
    const { born } = this.page;
    context.fillStyle = this.color.lane;
    context.globalAlpha = 0.75;
    let level = 0;
    let leftBefore = null;
    const bar = (due, left) => {
      level = left === leftBefore ? level + 1 : 0;
      leftBefore = left;
      const width = Math.min(this.nowX, this.x(left)) - this.x(due);
      if (width < 2) return;
      context.fillRect(this.x(due), this.serverY - 6 - Math.min(level, WAITING_LEVELS) * WAITING_STEP_PX, width, 1.5);
    };
    for (const one of this.lane.deliveries.slice(firstVisible(this.lane.deliveries, (one) => one.left, this.from))) {
      if (one.due <= this.now) bar(one.due, Math.min(one.left, this.now));
    }
    const last = this.lane.audit.last ?? 0;
    for (const one of born.slice(firstVisible(born, (update) => update.seq, last + 1))) {
      if (one.due <= this.now) bar(one.due, this.now);
    }
    context.globalAlpha = 1;
    // The updates themselves, as soon as any lane has seen them.
    context.fillStyle = this.color.ink;
    context.beginPath();
    for (const one of born.slice(firstVisible(born, (update) => update.due, this.from))) {
      if (one.due > this.now) break;
      context.moveTo(this.x(one.due), this.serverY);
      context.arc(this.x(one.due), this.serverY, one.mark ? 4 : 2.2, 0, 7);
    }
    context.fill();
  }

  arrows() {
    const { lane } = this;
    const isPolling = lane.key === 'polling';
    const isStream = !lane.isAsking;
    // An immediate answer would cover its request, so the two are drawn slightly apart.
    const nudge = lane.oneWay * this.scale > 6 ? 0 : isPolling ? 4 : lane.key === 'long_polling' ? 1.5 : 0;
    this.upward = [];
    this.downward = [];
    this.connects = [];
    this.refused = [];
    for (const one of this.exchanges) {
      const side = isPolling ? -nudge : nudge;
      // A stream first opens a connection, which takes a round trip (RFC 9293 section 3.5).
      const connect = one.outcome === 'stream' ? Math.max(0, one.left - lane.oneWay - one.sent) : 0;
      const asked = connect > lane.oneWay ? one.sent + connect : one.sent;
      if (asked > one.sent) this.connects.push([one.sent, one.sent + connect / 2, one.sent + connect]);
      if (asked > this.now) continue;
      const isFailed = one.outcome === 'failed' && one.answered <= this.now;
      const up = this.arrow(asked, asked + lane.oneWay, side, one);
      // Refused before it arrived; otherwise it broke off while it was parked.
      const isRefused = isFailed && one.answered < one.sent + lane.oneWay;
      if (isRefused) this.refused.push({ ...up, share: 0.4, tip: up.x1 + (up.x2 - up.x1) * 0.4 });
      else this.upward.push(up);
      if (one.answered === null || isRefused) continue;
      const left = one.left ?? one.answered;
      if (left <= this.now) this.downward.push(this.arrow(left, one.answered, -side, one));
    }
    this.pushed = isStream ? this.deliveries.map((one) => this.arrow(one.left, one.arrived, 0, one)) : [];
    const of = (outcome) => this.downward.filter(({ one }) => one.outcome === outcome);
    const isRecovered = ({ one }) => one.isRecovered ?? this.deliveries.some((each) => each.exchange === one && each.isRecovered);
    const some = of('some');
    const kinds = [
      { up: true, color: this.color.muted, width: 1.5, dash: [], list: this.upward },
      { color: this.color.muted, width: 1.5, dash: [4, 4], list: of('empty') },
      { color: this.color.bad, width: 1.5, dash: [2, 3], list: of('failed') },
      { up: true, color: this.color.bad, width: 1.5, dash: [2, 3], list: this.refused },
      { color: this.color.lane, width: 1.5, dash: [], list: of('stream') },
      { color: this.color.lane, width: 2.2, dash: [], list: some.filter((one) => !isRecovered(one)) },
      { color: this.color.lane, width: isStream ? 1.8 : 2.2, dash: [], list: this.pushed.filter((one) => !isRecovered(one)) },
    ];
    for (const kind of kinds) this.stroke(kind);
    for (const [from, middle, to] of this.connects) {
      const look = { color: this.color.muted, width: 1, dash: [2, 3] };
      this.stroke({ ...look, up: true, list: [this.arrow(from, middle, 0, null)] });
      if (middle <= this.now) this.stroke({ ...look, list: [this.arrow(middle, to, 0, null)] });
    }
    // Recovered updates look the same in every lane.
    this.recovered = [...some, ...this.pushed].filter(isRecovered);
    this.stroke({ color: this.color.good, width: 4, dash: [], list: this.recovered });
  }

  /** An arrow between the lines, up to the current moment. */
  arrow(from, to, side, one) {
    const share = to <= this.now ? 1 : Math.max(0, (this.now - from) / (to - from));
    const x1 = this.x(from) + side;
    const x2 = this.x(to) + side;
    return { x1, x2, tip: x1 + (x2 - x1) * share, share, one };
  }

  stroke({ up = false, color, width, dash, list }) {
    const { context, clientY } = this;
    const [y1, y2] = up ? [clientY, this.serverY] : [this.serverY, clientY];
    context.strokeStyle = color;
    context.fillStyle = color;
    context.lineWidth = width;
    context.setLineDash(dash);
    context.beginPath();
    for (const { x1, tip, share } of list) {
      context.moveTo(x1, y1);
      context.lineTo(tip, y1 + (y2 - y1) * share);
    }
    context.stroke();
    context.setLineDash([]);
    this.heads(list, y1, y2, width);
  }

  heads(list, y1, y2, width = 2) {
    const { context } = this;
    const length = 6 + width;
    let before = -Infinity;
    context.beginPath();
    for (const { x1, x2, tip, share } of list) {
      if (tip - before < HEAD_ROOM_PX || share < 0.15) continue;
      before = tip;
      const y = y1 + (y2 - y1) * share;
      const angle = Math.atan2(y2 - y1, x2 - x1);
      context.moveTo(tip, y);
      for (const spread of [-0.42, 0.42]) {
        context.lineTo(tip - length * Math.cos(angle + spread), y - length * Math.sin(angle + spread));
      }
      context.closePath();
    }
    context.fill();
  }

  /** Draws the server's pings and the browser's pongs, which only a bidirectional connection can carry. */
  pings() {
    const { lane } = this;
    for (const { ping, pong } of lane.pings) {
      if (ping < this.from || ping > this.now) continue;
      const down = this.arrow(ping, ping + lane.oneWay, 0, null);
      const list = [down];
      this.stroke({ color: this.color.lane, width: 1.2, dash: [5, 3], list });
      const up = pong === null || pong - lane.oneWay > this.now ? null : this.arrow(pong - lane.oneWay, pong, 0, null);
      if (up) this.stroke({ up: true, color: this.color.lane, width: 1.2, dash: [5, 3], list: [up] });
      this.below('ping ↓ 2 B, pong ↑ 6 B', down.x2 + 4, this.color.lane);
    }
  }

  /** Draws the messages to the server and their echoes. */
  messages() {
    for (const one of this.lane.messages) {
      if (one.answered < this.from || one.sent > this.now) continue;
      const way = Math.min(this.lane.oneWay, (one.answered - one.sent) / 2);
      const color = this.color.mark;
      this.stroke({ up: true, color, width: 2, dash: [], list: [this.arrow(one.sent, one.sent + way, 0, one)] });
      if (one.answered - way <= this.now) {
        this.stroke({ color, width: 2, dash: [], list: [this.arrow(one.answered - way, one.answered, 3, one)] });
      }
      this.below(`${one.how} ↑ ${showBytes(one.up)} ↓ ${showBytes(one.down)}`, this.x(one.sent), color);
    }
  }

  /** Draws the current update: its dot, its wait, and its arrival. */
  story() {
    const { context, clientY, frame } = this;
    context.font = `600 ${FONT_PX}px ${this.color.font}`;
    if (this.origin !== null && this.scene.kind === 'update') {
      const one = this.lane.deliveries.findLast((delivery) => delivery.seq === this.scene.seq);
      const left = Math.min(one?.left ?? this.now, this.now);
      const x = this.x(this.scene.at);
      const color = this.scene.mark ? this.color.mark : this.color.lane;
      const width = this.x(left) - x;
      context.fillStyle = color;
      if (width > 3) {
        context.fillRect(x, this.serverY - 5, width, 5);
        if (!this.isLow) this.text(say('waits {time}', { time: latency(left - this.scene.at) }), x + 4, this.serverY - 10, color);
      }
      this.dot(x, this.serverY, color);
      if (followed(this.lane, frame)) {
        this.dot(this.x(one.arrived), clientY, color);
        this.text(say('arrived after {time}', { time: latency(one.arrived - one.due) }), this.x(one.arrived) - 6, clientY + (this.isLow ? 16 : 18), color, 'arrival');
      }
    }
    // The same in every lane: a ring for an update that was missed and recovered, a cross for one that was lost.
    for (const one of this.deliveries) {
      if (!one.isRecovered || one.arrived > this.now) continue;
      for (const [x, y] of [[this.x(one.due), this.serverY], [this.x(one.arrived), clientY]]) {
        context.fillStyle = this.color.ground;
        context.strokeStyle = this.color.good;
        context.lineWidth = 2.5;
        context.beginPath();
        context.arc(x, y, 4.5, 0, 7);
        context.fill();
        context.stroke();
      }
    }
    for (const loss of this.lane.losses) {
      if (loss.at > this.now) continue;
      for (const one of this.page.born) {
        if (one.seq < loss.first || one.seq >= loss.first + loss.count) continue;
        this.cross(this.x(one.due), this.serverY, 6);
      }
    }
    for (const cut of this.lane.cuts) {
      if (cut.at < this.from || cut.at > this.now) continue;
      this.cross(this.x(cut.at), (this.serverY + clientY) / 2, 7);
      this.text(say('cut'), this.x(cut.at) + 11, (this.serverY + clientY) / 2 + 5, this.color.bad, 'middle');
    }
  }

  cross(x, y, size) {
    const { context } = this;
    context.strokeStyle = this.color.bad;
    context.lineWidth = 2.5;
    context.beginPath();
    for (const way of [1, -1]) {
      context.moveTo(x - size, y - size * way);
      context.lineTo(x + size, y + size * way);
    }
    context.stroke();
  }

  dot(x, y, color) {
    const { context } = this;
    context.fillStyle = color;
    context.beginPath();
    context.arc(x, y, 5, 0, 7);
    context.fill();
  }

  /** Reserves a place in a row, if it is free. */
  place(left, width, row) {
    if (left < 0 || left + width > this.width) return false;
    if (this.taken.some((one) => one.row === row && left < one.right + LABEL_GAP_PX && left + width + LABEL_GAP_PX > one.left)) {
      return false;
    }
    this.taken.push({ row, left, right: left + width });
    return true;
  }

  /** Draws words at a position, moved to stay inside the diagram. */
  text(words, x, y, color, row = y) {
    const { context } = this;
    const { width } = context.measureText(words);
    const left = Math.max(2, Math.min(x, this.width - width - 2));
    this.taken.push({ row, left, right: left + width });
    context.globalAlpha = 0.85;
    context.fillStyle = this.color.ground;
    context.fillRect(left - 2, y - FONT_PX + 1, width + 4, FONT_PX + 3);
    context.globalAlpha = 1;
    context.fillStyle = color;
    context.fillText(words, left, y);
  }

  /** Draws words below the browser's line. */
  below(words, x, color) {
    const { context } = this;
    context.font = `${FONT_PX}px ${this.color.font}`;
    const { width } = context.measureText(words);
    const left = Math.max(2, Math.min(x, this.width - width - 2));
    if (!this.place(left, width, 'arrival')) return;
    context.fillStyle = color;
    context.fillText(words, left, this.clientY + (this.isLow ? 16 : 18));
  }

  /** Labels each arrow with what it carries, if there is space. Bytes are those of HTTP and of frames. */
  labels() {
    const { context, clientY, lane } = this;
    const middle = this.serverY + (clientY - this.serverY) / 2;
    context.font = `${FONT_PX}px ${this.color.font}`;
    const beside = (words, { x1, x2, share }, side, color) => {
      if (share < 0.5) return;
      const { width } = context.measureText(words);
      const gap = 7 + Math.abs(x2 - x1) * 0.12;
      const x = (x1 + x2) / 2 + (side > 0 ? gap : -gap - width);
      if (!this.place(x, width, 'middle')) return;
      context.globalAlpha = 0.85;
      context.fillStyle = this.color.ground;
      context.fillRect(x - 2, middle - FONT_PX / 2 - 2, width + 4, FONT_PX + 4);
      context.globalAlpha = 1;
      context.fillStyle = color;
      context.fillText(words, x, middle + 5);
    };
    const up = ({ one }) => `↑ ${showBytes(one.up || lane.bytesOfRequest)}`;
    if (lane.isAsking) {
      // The arrows of polling form a roof, those of long polling a valley; the labels go outside.
      const outside = lane.key === 'polling' ? 1 : -1;
      for (const arrow of this.downward) {
        const { one } = arrow;
        if (one.outcome === 'some') {
          beside(`${counted(one.updates, 'update')} ↓ ${showBytes(one.down)}`, arrow, outside,
            this.recovered.includes(arrow) ? this.color.good : this.color.lane);
        }
      }
      for (const arrow of this.downward) {
        if (arrow.one.outcome === 'failed') beside(say('broken off'), arrow, outside, this.color.bad);
        if (arrow.one.outcome === 'empty' && arrow.one.down > 0) {
          beside(say('nothing ↓ {bytes}', { bytes: showBytes(arrow.one.down) }), arrow, outside, this.color.muted);
        }
      }
      for (const arrow of this.refused) beside(say('refused'), { ...arrow, share: 1 }, 1, this.color.bad);
      for (const arrow of this.upward) if (lane.bytesOfRequest) beside(up(arrow), arrow, -outside, this.color.muted);
      return;
    }
    for (const [from, middle, to] of this.connects) {
      beside('TCP', { ...this.arrow(from, to, 0, null), share: this.now >= middle ? 1 : 0 }, -1, this.color.muted);
    }
    for (const arrow of this.upward) beside(lane.key === 'sse' ? 'GET' : say('GET, upgrade'), arrow, -1, this.color.muted);
    for (const arrow of this.downward) {
      beside(lane.key === 'sse' ? say('200, stays open') : say('101, switched'), arrow, 1, this.color.lane);
    }
    const groups = together(this.recovered);
    for (const group of groups) {
      const sum = group.reduce((total, { one }) => total + one.bytes, 0);
      beside(`${counted(group.length, 'update')} ↓ ${showBytes(sum)}`, group[0], -1, this.color.good);
    }
    for (const arrow of this.pushed) {
      if (this.recovered.includes(arrow)) continue;
      const isFollowed = this.origin !== null && arrow.one.seq === this.scene.seq;
      if (!isFollowed) beside(`↓ ${showBytes(arrow.one.bytes)}`, arrow, 1, this.color.lane);
      else if (arrow.share >= 0.5) this.glyph(arrow, middle);
    }
  }

  /** Draws the update as it is on the wire: a block of text, or a frame. */
  glyph({ x1, x2, one }, middle) {
    const update = this.page.born.findLast((each) => each.seq === one.seq);
    const x = (x1 + x2) / 2 + 10 + Math.abs(x2 - x1) * 0.12;
    const draw = this.lane.key === 'sse' ? drawTextBlock : drawFrame;
    const width = draw(this.context, { x, middle, room: this.width - x - 4, one, update, color: this.color });
    this.taken.push({ row: 'middle', left: x, right: x + width });
  }

  names() {
    const { context } = this;
    context.font = `${FONT_PX}px ${this.color.font}`;
    for (const [words, y, row] of [[say('server'), this.serverY - 10, this.serverY - 10], [say('browser'), this.clientY + (this.isLow ? 16 : 18), 'arrival']]) {
      if (this.isLow && row !== 'arrival') continue;
      if (!this.place(2, context.measureText(words).width, row)) continue;
      context.fillStyle = this.color.muted;
      context.fillText(words, 2, y);
    }
  }

  nowLine() {
    if (this.origin === null || this.now >= this.to) return;
    const { context } = this;
    context.fillStyle = this.color.ink;
    context.globalAlpha = 0.6;
    context.fillRect(this.nowX - 1, 4, 2, this.height - 8);
    context.globalAlpha = 1;
  }

  /** Describes the diagram in words, for screen readers. */
  describe() {
    const count = this.exchanges?.length ?? 0;
    const empty = this.exchanges?.filter((one) => one.outcome === 'empty').length ?? 0;
    const requests = this.lane.isAsking ? say('{requests}, {empty} of them empty, ', { requests: counted(count, 'request'), empty }) : '';
    return say('{title}, sequence diagram: {requests}{updates} received',
      { title: say(this.lane.title), requests, updates: counted(this.deliveries?.length ?? 0, 'update') });
  }
}

/** Groups arrows that arrive at almost the same time. */
function together(arrows) {
  const groups = [];
  for (const arrow of arrows) {
    const last = groups.at(-1);
    if (last && arrow.x2 - last.at(-1).x2 < 12) last.push(arrow);
    else groups.push([arrow]);
  }
  return groups;
}

/** The ticks of the axis: at round times, at most about seven. */
export function ticks({ from, to, origin }) {
  const span = to - from;
  const step = [100, 200, 500, 1000, 2000, 5000, 10_000].find((each) => span / each <= 7) ?? 30_000;
  const zero = origin ?? to;
  const marks = [];
  for (let index = Math.ceil((from - zero) / step); zero + index * step <= to; index += 1) {
    marks.push({ at: zero + index * step, after: index * step });
  }
  return marks;
}
