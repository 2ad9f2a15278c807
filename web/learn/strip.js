// The strip below a lane: each update as a dot whose height is its lateness, and a line at the mean.

import { fit, FONT_PX } from '../diagram.js';
import { mean, quantile } from '../format.js';
import { shown, t } from './words.js';

export class Strip {
  constructor(canvas, lane, page) {
    Object.assign(this, { canvas, lane, page });
    this.context = canvas.getContext('2d');
    new ResizeObserver(() => this.resize()).observe(canvas);
    window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.resize());
    this.resize();
  }

  resize() {
    Object.assign(this, fit(this.canvas, this.context));
    const style = getComputedStyle(this.canvas);
    const read = (name) => style.getPropertyValue(name).trim();
    this.color = { lane: read('--lane'), muted: read('--muted'), ink: read('--ink'), mark: read('--mark'), line: read('--line') };
    this.font = `${FONT_PX}px ${style.fontFamily}`;
  }

  draw(frame) {
    const { context, width, height, lane, page } = this;
    if (!width) return;
    context.clearRect(0, 0, width, height);
    const seen = lane.deliveries.filter((one) => one.arrived >= frame.from && one.arrived <= frame.now);
    const most = Math.max(page.settings.poll + page.settings.rtt, ...seen.map((one) => one.arrived - one.due)) * 1.1;
    const y = (late) => height - 4 - (late / most) * (height - 22);
    context.fillStyle = this.color.line;
    context.fillRect(0, height - 4, width, 1);
    context.fillStyle = this.color.lane;
    context.globalAlpha = 0.65;
    context.beginPath();
    for (const one of seen) {
      const x = ((one.due - frame.from) / (frame.to - frame.from)) * width;
      context.moveTo(x, y(one.arrived - one.due));
      context.arc(x, y(one.arrived - one.due), 3, 0, 7);
    }
    context.fill();
    context.globalAlpha = 1;
    context.font = this.font;
    const late = seen.map((one) => one.arrived - one.due).sort((a, b) => a - b);
    if (late.length < 4) return;
    for (const [label, value, color] of [[t('mean'), mean(late), this.color.ink], [t('p99'), quantile(late, 0.99), this.color.mark]]) {
      context.fillStyle = color;
      context.fillRect(0, y(value) - 1, width, 1.5);
      const words = `${label} ${shown(value, 'ms')}`;
      context.fillText(words, width - context.measureText(words).width - 4, y(value) - 5);
    }
  }
}
