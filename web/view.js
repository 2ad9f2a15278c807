// The view of a lane: its name, a sentence about what just happened, and its diagram.

import { latency } from './clock.js';
import { Diagram, FONT_PX, fit, ticks } from './diagram.js';
import { element, say, short } from './format.js';
import { say as phrase } from './phrases.js';
import { followed, HOW, sentence } from './sentences.js';

export class LaneView {
  constructor(lane, page) {
    this.lane = lane;
    this.page = page;
    this.how = element('p', { class: 'how' });
    this.late = element('p', { class: 'late' });
    this.notice = element('p', { class: 'notice' });
    this.canvas = element('canvas', { class: 'diagram', role: 'img' });
    this.node = element('section', { class: `lane ${lane.key}`, 'aria-label': phrase(lane.title) },
      element('div', { class: 'who' }, element('h2', {}, phrase(lane.title)), this.how, this.late), this.notice, this.canvas);
  }

  attach() {
    this.diagram = new Diagram(this.canvas, this.lane, this.page);
  }

  /** Updates the words, a few times a second. */
  tell(frame) {
    say(this.how, HOW[this.lane.key](this.page.settings));
    const { text, tone } = sentence(this.lane, frame, this.page);
    say(this.notice, text);
    this.notice.dataset.tone = tone;
    const one = frame.origin === null ? this.lane.deliveries.at(-1) : followed(this.lane, frame);
    const isAwaited = frame.scene.kind === 'update' && frame.origin !== null;
    say(this.late, one ? phrase('{time} late', { time: latency(one.arrived - one.due) }) : isAwaited ? phrase('not received yet') : '');
    this.late.classList.toggle('awaited', !one);
    this.canvas.setAttribute('aria-label', this.diagram.describe());
  }
}

/** The time axis below the lanes. */
export class Axis {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d');
    new ResizeObserver(() => this.resize()).observe(canvas);
    window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.resize());
    this.resize();
  }

  resize() {
    Object.assign(this, fit(this.canvas, this.context));
    const style = getComputedStyle(this.canvas);
    this.color = style.getPropertyValue('--muted').trim();
    this.font = `${FONT_PX}px ${style.fontFamily}`;
  }

  draw(frame) {
    const { context, width, height } = this;
    if (!width) return;
    context.clearRect(0, 0, width, height);
    context.font = this.font;
    context.fillStyle = this.color;
    let until = -Infinity;
    for (const { at, after } of ticks(frame)) {
      const words = name(after, frame);
      const wide = context.measureText(words).width;
      const x = (at - frame.from) / (frame.to - frame.from) * width;
      const left = Math.max(0, Math.min(x - wide / 2, width - wide));
      if (left < until) continue;
      context.fillText(words, left, 15);
      until = left + wide + 10;
    }
  }
}

const START = { open: 'opened', update: 'published', cut: 'cut' };

function name(after, frame) {
  if (frame.origin === null) return after === 0 ? phrase('now') : phrase('{time} s ago', { time: plain(-after) });
  if (after === 0) return phrase(START[frame.scene.kind]);
  return `${after > 0 ? '+' : '−'}${plain(Math.abs(after))} s`;
}

const plain = (ms) => short(ms / 1000).replace(/\.?0+$/, '');
