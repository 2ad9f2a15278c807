// A proxy that buffers: an event stream comes in lumps; a long poll's answer ends, so it comes at once.

import { bytes, mean } from '../format.js';
import { Lanes, setMiddlebox } from './lanes.js';
import { shown, t } from './words.js';

export class Lumps extends Lanes {
  buffer = 0;

  constructor(lab) {
    super(lab);
    this.measures = {
      measure: (page) => mean(page.lane('sse').latencies),
      // A lump is full after so many updates. The first of them has waited longest, the last not at all.
      theory: ({ rate, payload }) => ((this.each(payload) - 1) / (2 * rate)) * 1000,
      details: (page) => {
        const late = page.lane('sse').latencies;
        return { each: this.each(page.settings.payload), first: shown(Math.max(...late), 'ms'), last: shown(Math.min(...late), 'ms'),
          poll: shown(mean(page.lane('long_polling').latencies), 'ms') };
      },
      rows: (page) => [[t('long_poll'), mean(page.lane('long_polling').latencies), 'measured']],
    };
  }

  /** The updates in one lump: blocks of `id`, `data` and a blank line, until the buffer is full. */
  each(payload) {
    const { newest, now_us: now } = this.page.status;
    const update = `{"seq":${newest.split('-')[1]},"at_us":${now},"data":}`.length + payload;
    const block = `id: ${newest}\ndata: \n\n`.length + update;
    return Math.max(1, Math.ceil(this.buffer / block));
  }

  async start(settings) {
    await setMiddlebox({ buffer_bytes: this.buffer });
    await super.start(settings);
  }

  /** Ends the stream if the buffer changes: a stream goes through the proxy that was set when it was opened. */
  async through(buffer) {
    if (this.page && this.buffer === buffer) return;
    await this.stop();
    this.buffer = buffer;
  }

  async run(guessed) {
    await this.through(this.lab.buffer_bytes);
    return super.run(guessed);
  }

  async watch() {
    await this.through(0);
    return super.watch();
  }

  async play(buffer) {
    await this.through(buffer);
    await this.open(this.lab.settings);
    await this.page.countFromZero();
  }

  async stop() {
    await super.stop();
    await setMiddlebox({}).catch(() => {});
  }

  knobWords(buffer) {
    return buffer === 0 ? t('none') : bytes(buffer);
  }
}
