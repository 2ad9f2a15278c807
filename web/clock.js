// The offset between the browser's clock and the server's: converts an update's `at_us` to `performance.now()`.

import { time } from './format.js';
import { say } from './phrases.js';

const EXCHANGES = 8;
const AGAIN_AFTER_MS = 30_000;

/** The offset from the quickest exchange; its error is at most half of that exchange's round trip. */
export const clock = { offsetMs: 0, roundTripMs: Infinity, relatedAt: 0 };

/** Requests `/clock` several times, uses the quickest (Cristian, "Probabilistic clock synchronization", 1989). */
export async function relate() {
  let best = null;
  for (let exchange = 0; exchange < EXCHANGES; exchange += 1) {
    const sent = performance.now();
    const response = await fetch('/clock', { cache: 'no-store' });
    const { now_us: now } = await response.json();
    const received = performance.now();
    const roundTripMs = received - sent;
    if (!best || roundTripMs < best.roundTripMs) {
      best = { offsetMs: now / 1e3 - (sent + received) / 2, roundTripMs };
    }
  }
  // A new offset is used only if it is about as exact: a busy moment must not replace a good one. Both clocks drift, so
  // an old one is replaced anyway.
  const isOld = performance.now() - clock.relatedAt > 10 * AGAIN_AFTER_MS;
  if (best.roundTripMs < clock.roundTripMs * 1.5 || isOld) {
    Object.assign(clock, best, { relatedAt: performance.now() });
  }
}

export function keepRelated() {
  setInterval(() => relate().catch(() => {}), AGAIN_AFTER_MS);
}

/** Converts an instant on the server's clock to milliseconds of `performance.now()`. */
export function local(atUs) {
  return atUs / 1e3 - clock.offsetMs;
}

/** The uncertainty of a latency, from the offset between the two clocks. */
export const uncertaintyMs = () => clock.roundTripMs / 2;

/** Formats a latency between the two clocks. One below the uncertainty is shown as `under …`. */
export function latency(ms) {
  if (ms === null || !Number.isFinite(ms)) return '–';
  return ms < uncertaintyMs() ? say('under {time}', { time: time(uncertaintyMs()) }) : time(ms);
}

/** The estimated one-way delay on this page's connections: half of the round trip. */
export function oneWayMs(addedRoundTripMs) {
  return (addedRoundTripMs + Math.min(clock.roundTripMs, 1000)) / 2;
}
