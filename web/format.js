// Formatting of figures, the same everywhere on the page, and small helpers.

import { say as phrase } from './phrases.js';

/** `812 B`, `4.2 kB`, `1.3 MB`: in powers of 1,000, as is usual for networks. */
export function bytes(count) {
  if (count === null || !Number.isFinite(count)) return '–';
  if (count < 1000) return `${Math.round(count)} B`;
  if (count < 1e6) return `${short(count / 1e3)} kB`;
  return `${short(count / 1e6)} MB`;
}

/** Milliseconds as `0.42 ms`, `12 ms`, `1.20 s`. */
export function time(ms) {
  if (ms === null || !Number.isFinite(ms)) return '–';
  if (ms < 0.995) return `${Math.max(0, ms).toFixed(2)} ms`;
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  return `${short(ms / 1000)} s`;
}

/** Seconds, roughly: `0.4 s`, `12 s`, `3 min`. */
export function seconds(ms) {
  const value = Math.max(0, ms) / 1000;
  if (value < 9.95) return `${value.toFixed(1)} s`;
  if (value < 119.5) return `${Math.round(value)} s`;
  return `${Math.round(value / 60)} min`;
}

/** A duration setting: `none`, `250 ms`, `2 s`. */
export function length(ms) {
  if (ms === 0) return phrase('none');
  return ms < 1000 ? `${plain(ms)} ms` : `${plain(ms / 1000)} s`;
}

/** A rate setting: `10 a second`, `every 5 s`. */
export function rate(perSecond) {
  return perSecond >= 1 ? phrase('{count} a second', { count: plain(perSecond) })
    : phrase('every {seconds} s', { seconds: Number((1 / perSecond).toPrecision(2)) });
}

/** `1,234` */
export function whole(count) {
  return Number.isFinite(count) ? Math.round(count).toLocaleString('en-US') : '–';
}

/** `1 update`, `3 updates` */
export function counted(count, noun) {
  return phrase(`{count} ${noun}${count === 1 ? '' : 's'}`, { count: whole(count) });
}

/** A number with about three digits. */
export function short(value) {
  if (!Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  if (value < 9.995) return value.toFixed(2);
  if (value < 99.95) return value.toFixed(1);
  return whole(value);
}

/** A setting without insignificant digits. */
export function plain(value) {
  return String(Number(value.toPrecision(3)));
}

export function percent(share) {
  return Number.isFinite(share) ? `${Math.round(share * 100)} %` : '–';
}

/** Bytes of a text in UTF-8. */
export function utf8Length(text) {
  // Most updates are ASCII, where both lengths are the same.
  return /[^\x00-\x7f]/.test(text) ? new TextEncoder().encode(text).length : text.length;
}

/** The value below which `share` of the values lie; null if there are none. */
export function quantile(sorted, share) {
  if (sorted.length === 0) return null;
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

export const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

/** Waits until `holds` returns true; returns false after the timeout. */
export async function until(holds, patienceMs) {
  const end = performance.now() + patienceMs;
  while (!holds()) {
    if (performance.now() > end) return false;
    await pause(50);
  }
  return true;
}

/** An element with attributes and content. */
export function element(tag, attributes = {}, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, '');
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...content);
  return made;
}

/** Sets a text only if it has changed, which avoids layout. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
