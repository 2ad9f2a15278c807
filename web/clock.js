// Relates the browser's clock to the server's: `at_us` of an update becomes a moment of `performance.now()`.

import { time } from './format.js';
import { say } from './phrases.js';

const EXCHANGES = 8;
const AGAIN_AFTER_MS = 30_000;

/** The relation that the quickest exchange gave: its error is at most half of that exchange's round trip. */
export const clock = { offsetMs: 0, roundTripMs: Infinity, relatedAt: 0 };

/** Asks `/clock` several times and keeps the quickest (Cristian, "Probabilistic clock synchronization", 1989). */
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
  // A new relation is taken only if it is about as good: a busy moment must not spoil a good one. Both clocks drift,
  // so an old one is not kept for ever.
  const isOld = performance.now() - clock.relatedAt > 10 * AGAIN_AFTER_MS;
  if (best.roundTripMs < clock.roundTripMs * 1.5 || isOld) {
    Object.assign(clock, best, { relatedAt: performance.now() });
  }
}

export function keepRelated() {
  setInterval(() => relate().catch(() => {}), AGAIN_AFTER_MS);
}

/** A moment of the server's clock, in milliseconds of `performance.now()`. */
export function local(atUs) {
  return atUs / 1e3 - clock.offsetMs;
}

/** By how much a latency may be wrong: the two clocks agree to no better than this. */
export const uncertaintyMs = () => clock.roundTripMs / 2;

/** A latency between the two clocks. One below their uncertainty cannot be told from none, and is not given digits. */
export function latency(ms) {
  if (ms === null || !Number.isFinite(ms)) return '–';
  return ms < uncertaintyMs() ? say('under {time}', { time: time(uncertaintyMs()) }) : time(ms);
}

/** How long a byte takes one way on this page's connections, as far as can be known: half of the round trip. */
export function oneWayMs(addedRoundTripMs) {
  return (addedRoundTripMs + Math.min(clock.roundTripMs, 1000)) / 2;
}
