// Translation of the words in the diagrams and sentences. The code has them in English; a page in another language sets
// a table of translations.

let table = null;
const missing = new Set();

/** Sets the table of translations: {English: translation}, with the same `{name}`s in both. */
export function sayBy(phrases) {
  table = phrases;
}

/** A phrase, translated, with each `{name}` filled in. */
export function say(phrase, values = {}) {
  const said = table?.[phrase];
  if (table && said === undefined) missing.add(phrase);
  return (said ?? phrase).replaceAll(/\{(\w+)\}/g, (_, name) => String(values[name] ?? '–'));
}

/** Phrases that were used and are missing from the table: for the tests. */
export const unsaid = () => [...missing];
