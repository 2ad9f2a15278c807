// The words of pictures and of the sentences beside them: written in English where they stand, and said in another
// language by a page that has one.

let table = null;
const missing = new Set();

/** From now on phrases are said by this table: {English: theirs}, with the same `{name}`s in both. */
export function sayBy(phrases) {
  table = phrases;
}

/** A phrase, with `{name}` filled in. */
export function say(phrase, values = {}) {
  const said = table?.[phrase];
  if (table && said === undefined) missing.add(phrase);
  return (said ?? phrase).replaceAll(/\{(\w+)\}/g, (_, name) => String(values[name] ?? '–'));
}

/** Phrases that were said and that the table has not: for the tests. */
export const unsaid = () => [...missing];
