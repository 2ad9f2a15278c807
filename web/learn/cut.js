// Cuts the line of a client, once without a cursor and once with one.

import { cutFor } from '../api.js';
import { pause, until } from '../format.js';
import { Lanes } from './lanes.js';
import { t } from './words.js';

/** How long the lane's code waits before it reconnects: RETRY_MS in lane.js. */
const RETRY_S = 1;
const PATIENCE_MS = 20_000;
/** Updates before the cut, so that there is a last one to resume after. */
const BEFORE_MS = 1200;

export class Cut extends Lanes {
  seconds = null;

  async run({ progress }) {
    await this.open(this.lab.settings);
    await pause(BEFORE_MS);
    progress(0.2);
    const lost = await this.cut(this.lab.cut_s, false);
    progress(0.6);
    await pause(BEFORE_MS);
    const kept = await this.cut(this.lab.cut_s, true);
    progress(1);
    this.lost = lost;
    this.seconds = this.lab.cut_s;
    return { ...this.read(), rows: [[t('with_cursor'), kept, 'measured']], details: { lost, kept } };
  }

  /** Cuts, waits until the lane has reconnected and got an update, and returns how many updates are missing. */
  async cut(seconds, keepsCursor) {
    const { page } = this;
    const [lane] = page.lanes;
    await cutFor(seconds);
    lane.cutNow(performance.now(), keepsCursor);
    const cut = lane.cuts.at(-1);
    const isBack = () => cut.until !== null && lane.latest && lane.latest.due > cut.until;
    if (!await until(isBack, PATIENCE_MS)) throw new Error('the line did not come back');
    return cut.lost;
  }

  read() {
    const { rate } = this.lab.settings;
    // It reconnects at its first try after the cut is over.
    return { measured: this.lost ?? NaN, theory: rate * Math.ceil((this.seconds ?? NaN) / RETRY_S) * RETRY_S };
  }

  async play(seconds) {
    await this.open(this.lab.settings);
    this.lost = undefined;
    await pause(BEFORE_MS);
    const lost = await this.cut(seconds, false);
    this.seconds = seconds;
    this.lost = lost;
  }

  knobWords(seconds) {
    return `${seconds} s`;
  }
}
