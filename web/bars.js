// Bars on one scale: the guess, the measured value, the theory.

import { element } from './format.js';

/** `rows` are [label, value, class]; `show` formats a value. */
export function makeBars(rows, show) {
  const most = Math.max(...rows.map(([, value]) => value), 1e-9);
  return element('div', { class: 'bars' }, ...rows.map(([label, value, name]) => {
    const fill = element('i', { class: name });
    fill.style.width = `${Math.max(0.5, (value / most) * 100)}%`;
    return element('div', {}, element('span', {}, label), element('div', { class: 'track' }, fill),
      element('b', { 'data-value': value }, show(value)));
  }));
}
