// What the diagrams show. In the view of one update, they work like a triggered oscilloscope: a diagram starts when
// something happens (the four connections open, an update is published, the connections are cut), is drawn once from
// left to right, and stays until the next event. In the other view, it is a moving window of the last few seconds.

import { oneWayMs } from './clock.js';
import { seconds } from './format.js';

/** The diagrams run behind real time, because this page learns of an update only when the first lane receives it. */
const BEHIND_MS = 150;
/** How long the connections are cut. */
export const CUT_SECONDS = 4;
/** How long a cut is shown: a browser waits some more before it reconnects. */
const CUT_SHOWN_MS = 10_000;
/** Time to read the result of a cut. */
const CUT_READ_MS = 12_000;
const OPENING_MS = 3000;
/** Share of the diagram before the event that starts it. */
const BEFORE = 0.16;

export class Story {
  constructor(page) {
    this.page = page;
    /** {kind: 'open'|'update'|'cut', at, seq} */
    this.scene = { kind: 'open', at: performance.now(), seq: null };
  }

  get isOneUpdate() {
    return this.page.settings.view === 'one';
  }

  /** How far the diagrams run behind the clock. */
  get behindMs() {
    return this.isOneUpdate ? BEHIND_MS + oneWayMs(this.page.settings.rtt) : 0;
  }

  /** The length of a scene: enough for the latest poll, its transit, and a margin. */
  get spanMs() {
    const { poll, rtt } = this.page.settings;
    if (this.scene.kind === 'cut') return CUT_SHOWN_MS;
    const update = Math.min(30_000, Math.max(1500, (poll + rtt) * 1.2 + rtt / 2));
    return this.scene.kind === 'open' ? Math.max(update, OPENING_MS) : update;
  }

  cut(at, keepsCursor) {
    this.scene = { kind: 'cut', at, seq: null, keepsCursor };
  }

  /** Moves to the next scene when this one is over. */
  follow(clockNow) {
    const now = clockNow - this.behindMs;
    const { scene, page } = this;
    const newest = page.born.at(-1);
    if (!newest || newest.due > now) return;
    if (scene.kind === 'cut') {
      if (now < scene.at + CUT_SHOWN_MS + CUT_READ_MS && this.isOneUpdate) return;
    } else if (scene.kind === 'open') {
      if (now < scene.at + this.spanMs * 0.7) return;
    } else if (newest.due <= scene.at || (!newest.mark && now < scene.at + this.spanMs)) {
      return;
    }
    if (scene.kind === 'cut' && newest.due < scene.at + CUT_SHOWN_MS) return;
    this.scene = { kind: 'update', at: newest.due, seq: newest.seq, mark: newest.mark };
  }

  /** The interval of time that the diagrams draw. */
  frame(clockNow) {
    const now = clockNow - this.behindMs;
    if (!this.isOneUpdate) {
      return { from: now - this.page.settings.window * 1000, to: now, now, origin: null, scene: this.scene };
    }
    const { scene, spanMs } = this;
    const before = spanMs * BEFORE;
    return { from: scene.at - before, to: scene.at + spanMs, now: Math.min(now, scene.at + spanMs), origin: scene.at, scene };
  }

  /** The heading of the page. */
  heading(frame) {
    const { scene, page } = this;
    const { rtt } = page.settings;
    if (!this.isOneUpdate) return `The last ${page.settings.window} s: every update, four ways`;
    if (scene.kind === 'cut') {
      return `Cut off for ${CUT_SECONDS} s, ${scene.keepsCursor ? 'each with its cursor' : 'without a cursor'}`;
    }
    if (scene.kind === 'open') return 'The same stream is opened in four ways';
    const slowed = rtt > 0 ? `; ${seconds(rtt / 2)} added each way` : '';
    const which = scene.mark ? `Update ${scene.seq}, published by you,` : `Update ${scene.seq},`;
    return `${which} four ways${slowed}`;
  }
}
