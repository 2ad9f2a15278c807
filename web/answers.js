// The guesses and the measured answers: kept in this tab across reloads, and downloadable.

import { element } from './format.js';

const KEY = 'pushpull-answers';
/** A guess within this share of the measured value counts as right. */
export const RIGHT_WITHIN = 0.25;

/** {number: {ask, unit, guess, measured, theory, at}} of the questions that were answered. */
export function remembered() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

export function remember(number, answer) {
  sessionStorage.setItem(KEY, JSON.stringify({ ...remembered(), [number]: answer }));
}

const isRight = ({ guess, measured }) => Math.abs(guess - measured) <= RIGHT_WITHIN * Math.abs(measured);

export function score() {
  const answers = Object.values(remembered());
  return { answered: answers.length, right: answers.filter(isRight).length };
}

const quoted = (text) => `"${String(text).replaceAll('"', '""')}"`;

/** The answers as CSV (RFC 4180). */
export function csv() {
  const rows = Object.entries(remembered()).map(([number, one]) =>
    [number, quoted(one.ask), quoted(one.unit), one.guess, one.measured, one.theory, isRight(one) ? 'yes' : 'no', one.at]);
  return [['question', 'text', 'unit', 'guess', 'measured', 'theory', 'within_25_percent', 'answered_at'], ...rows]
    .map((row) => `${row.join(',')}\r\n`).join('');
}

export function download() {
  const address = URL.createObjectURL(new Blob([csv()], { type: 'text/csv' }));
  element('a', { href: address, download: 'pushpull-answers.csv' }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
