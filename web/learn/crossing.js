// Bytes per update against updates per poll: two lines, and the measured point where they cross.

import { element, pause } from '../format.js';
import { fit, FONT_PX } from '../diagram.js';
import { Lanes } from './lanes.js';
import { pollCosts, wireBytes } from './measures.js';
import { picture } from './svg_context.js';
import { shown, t } from './words.js';

/** The poll intervals of the run, and how long each is measured: a multiple of the longest. */
const INTERVALS_MS = [100, 200, 400, 1000];
const STRETCH_MS = 2000;
const K_MAX = 40;

export class Crossing extends Lanes {
  constructor(lab) {
    super(lab);
    this.points = [];
    this.chart = element('canvas', { class: 'chart', role: 'img', 'aria-label': t('crossing_y') });
  }

  async start(settings) {
    await super.start(settings);
    this.node.prepend(this.chart);
    const context = this.chart.getContext('2d');
    const draw = () => {
      if (!this.page) return;
      const size = fit(this.chart, context);
      const style = getComputedStyle(this.chart);
      this.drawChart(context, size, (name) => style.getPropertyValue(name).trim(), style.fontFamily);
    };
    new ResizeObserver(draw).observe(this.chart);
    window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
    this.redraw = draw;
    draw();
  }

  async run({ progress }) {
    await this.open(this.lab.settings);
    const { page } = this;
    this.points = [];
    let socket = [0, 0];
    for (const [index, poll] of INTERVALS_MS.entries()) {
      await this.change({ poll });
      await pause(350);
      await page.countFromZero();
      const end = performance.now() + STRETCH_MS;
      while (performance.now() < end) {
        await pause(100);
        progress((index + 1 - (end - performance.now()) / STRETCH_MS) / INTERVALS_MS.length);
      }
      await page.readStatus();
      const header = page.status.segment_header_bytes;
      const asked = page.counted('polling');
      const pushed = page.counted('websocket');
      this.points.push({ k: asked.updates / (asked.requests - asked.empty), bytes: wireBytes(asked, header) });
      socket = [socket[0] + wireBytes(pushed, header), socket[1] + 1];
      this.socket = socket[0] / socket[1];
      this.redraw();
    }
    const { fixed, each } = line(this.points);
    const costs = pollCosts(page, page.settings.payload);
    const details = { socket: shown(this.socket, 'B'), fixed: shown(fixed, 'B'), each: shown(each, 'B'),
      ratio: shown((fixed + each) / this.socket, '') };
    return { measured: fixed / (this.socket - each), theory: costs.fixed / costs.saved, rows: [], details };
  }

  /** The knob sets the interval: the point moves along the line. */
  async play(value) {
    await this.open(this.lab.settings);
    await this.change({ poll: value });
    await pause(350);
    await this.page.countFromZero();
  }

  read() {
    const { page } = this;
    const asked = page.counted('polling');
    const costs = pollCosts(page, page.settings.payload);
    if (!asked?.updates || !costs.fixed) return { measured: NaN, theory: NaN };
    const k = asked.updates / (asked.requests - asked.empty);
    const now = { k, bytes: wireBytes(asked, page.status.segment_header_bytes) };
    this.now = now;
    this.redraw();
    return { measured: now.bytes, theory: costs.fixed / k + costs.update, unit: 'B' };
  }

  drawChart(context, { width, height }, color, family) {
    const costs = this.page.status ? pollCosts(this.page, this.lab.settings.payload) : null;
    const left = 46;
    const bottom = height - 40;
    const top = 26;
    const most = 1100;
    const x = (k) => left + (Math.log(k) / Math.log(K_MAX)) * (width - left - 10);
    const y = (count) => bottom - (Math.min(count, most) / most) * (bottom - top);
    context.clearRect(0, 0, width, height);
    context.font = `${FONT_PX}px ${family}`;
    context.fillStyle = color('--line');
    for (const count of [0, 250, 500, 750, 1000]) context.fillRect(left, y(count), width - left - 10, 1);
    context.fillStyle = color('--muted');
    for (const count of [0, 250, 500, 750, 1000]) context.fillText(String(count), 8, y(count) + 5);
    for (const k of [1, 2, 5, 10, 20, 40]) context.fillText(String(k), Math.min(x(k) - 4, width - 20), bottom + 17);
    context.fillText(t('crossing_y'), 8, 15);
    const below = t('crossing_x');
    context.fillText(below, width - context.measureText(below).width - 10, height - 6);
    if (costs?.fixed > 300) {
      context.lineWidth = 2;
      context.strokeStyle = color('--polling');
      context.beginPath();
      for (let step = 0; step <= 60; step += 1) {
        const k = K_MAX ** (step / 60);
        const to = [x(k), y(costs.fixed / k + costs.update)];
        if (step === 0) context.moveTo(...to);
        else context.lineTo(...to);
      }
      context.stroke();
      context.strokeStyle = color('--websocket');
      context.beginPath();
      context.moveTo(x(1), y(costs.update + costs.saved));
      context.lineTo(x(K_MAX), y(costs.update + costs.saved));
      context.stroke();
      context.fillStyle = color('--polling');
      context.fillText(t('polling'), x(1.15), y(costs.fixed / 1.6 + costs.update));
      context.fillStyle = color('--websocket');
      context.fillText(t('socket'), x(17), y(costs.update + costs.saved) - 8);
    }
    const dot = (k, count, name, radius) => {
      context.fillStyle = color(name);
      context.beginPath();
      context.arc(x(k), y(count), radius, 0, 7);
      context.fill();
    };
    for (const { k, bytes } of this.points) {
      dot(k, bytes, '--polling', 5);
      dot(k, this.socket, '--websocket', 5);
    }
    if (this.now) dot(this.now.k, this.now.bytes, '--mark', 7);
  }

  picture(title) {
    const style = getComputedStyle(this.chart);
    const { width, height } = this.chart.getBoundingClientRect();
    return picture(width, height, title, (context) =>
      this.drawChart(context, { width, height }, (name) => style.getPropertyValue(name).trim(), style.fontFamily));
  }
}

/** Fits `bytes = fixed / k + each` by least squares. */
function line(points) {
  const n = points.length;
  const sum = (value) => points.reduce((total, one) => total + value(one), 0);
  const u = (one) => 1 / one.k;
  const [su, sy] = [sum(u), sum((one) => one.bytes)];
  const [suu, suy] = [sum((one) => u(one) ** 2), sum((one) => u(one) * one.bytes)];
  const fixed = (n * suy - su * sy) / (n * suu - su * su);
  return { fixed, each: (sy - fixed * su) / n };
}
