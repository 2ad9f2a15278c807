// The measured and the theoretical figure of each lab. `settings` are the current ones: theory follows the knob.

import { split } from '../figures.js';
import { mean, quantile } from '../format.js';
import { frameHeaderBytes } from '../lane.js';
import { ageOf } from './age.js';
import { shown, t } from './words.js';

const sorted = (lane) => [...lane.latencies].sort((a, b) => a - b);
const ms = (value) => shown(value, 'ms');

/** Bytes on the wire per update, between two readings of the server's counters. */
export function wireBytes(counts, headerBytes) {
  const { payload, framing, tcp } = split(counts, headerBytes);
  return (payload + framing + tcp) / counts.updates;
}

/** The bytes of one poll by itself, and how much less an update in it takes than as a frame, both from the formats. */
export function pollCosts(page, payload) {
  const { newest, now_us: now, segment_header_bytes: segment } = page.status;
  const lane = page.lane('polling');
  const head = lane.exchanges.findLast((one) => one.outcome === 'some')?.head ?? 0;
  const envelope = `{"cursor":"${newest}","updates":[]}`.length;
  const update = `{"seq":${newest.split('-')[1]},"at_us":${now},"data":}`.length + payload;
  // Request, answer and acknowledgement are three segments; a frame and its acknowledgement are two.
  return {
    fixed: lane.bytesOfRequest + head + envelope - 1 + 3 * segment,
    saved: frameHeaderBytes(update) + 2 * segment - 1,
    update: update + 1,
  };
}

export const MEASURES = {
  empty: {
    measure(page) {
      const { empty, requests } = page.counted('polling');
      return (empty / requests) * 100;
    },
    theory({ rate, poll, feed }) {
      const each = (rate * poll) / 1000;
      return 100 * (feed === 'poisson' ? Math.exp(-each) : Math.max(0, 1 - each));
    },
    details(page) {
      const { requests, empty } = page.counted('polling');
      return { requests, empty };
    },
  },
  late: {
    measure: (page) => mean(page.lane('polling').latencies),
    theory: ({ poll, rtt }) => poll / 2 + rtt / 2,
    details(page) {
      const late = sorted(page.lane('polling'));
      return { updates: late.length, p50: ms(quantile(late, 0.5)), p99: ms(quantile(late, 0.99)),
        age: ms(ageOf(page.lane('polling'), page.countedFrom)) };
    },
  },
  parked: {
    measure: (page) => mean(page.lane('long_polling').latencies),
    // While an answer and the next request travel, nothing is parked. Updates of a slower steady feed never wait.
    theory: ({ rate, rtt }) => rtt / 2 + (rate * rtt >= 1000 ? rtt / 2 : 0),
    rows: (page) => [[t('stream'), mean(page.lane('sse').latencies), 'measured']],
    details(page) {
      const { updates, requests } = page.counted('long_polling');
      return { late: ms(mean(page.lane('long_polling').latencies)), each: shown(updates / requests, ''),
        stream: ms(mean(page.lane('sse').latencies)) };
    },
  },
  choose: {
    /** The interval that would have met the limit, scaled from what was measured with the guess. */
    measure: (page, lab) => (page.settings.poll * lab.allowed) / mean(page.lane('polling').latencies),
    theory: (_, lab) => 2 * lab.allowed,
    details: (page) => ({ interval: ms(page.settings.poll), late: ms(mean(page.lane('polling').latencies)) }),
  },
};
