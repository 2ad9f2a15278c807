// Guesses, answers and notes, kept in this browser until the reader deletes them.

const KEY = 'pushpull-lessons';
const EMPTY = { name: '', guesses: {}, checks: {}, notes: {}, exercises: [] };

/** {name, guesses: {lab: …}, checks: {id: …}, notes: {id: …}, exercises: […]}. */
export function kept() {
  try {
    return { ...EMPTY, ...JSON.parse(localStorage.getItem(KEY)) };
  } catch {
    return { ...EMPTY };
  }
}

function keep(changes) {
  localStorage.setItem(KEY, JSON.stringify({ ...kept(), ...changes }));
}

/** Keeps a run of a lab. The first guess counts; the newest run is shown. */
export function keepRun(lab, lesson, run) {
  const { guesses } = kept();
  const before = guesses[lab];
  const first = before?.first ?? { guess: run.guess, measured: run.measured, theory: run.theory, at: new Date().toISOString() };
  keep({ guesses: { ...guesses, [lab]: { lesson, unit: run.unit, first, last: run, runs: (before?.runs ?? 0) + 1 } } });
}

/** Keeps an answer to a question with options: the first counts. */
export function keepCheck(id, lesson, answer, isRight) {
  const { checks } = kept();
  if (!checks[id]) keep({ checks: { ...checks, [id]: { lesson, answer, right: isRight, at: new Date().toISOString() } } });
}

export function keepNote(id, lesson, text) {
  const { notes } = kept();
  const { [id]: _, ...others } = notes;
  keep({ notes: text.trim() ? { ...others, [id]: { lesson, text: text.trim().slice(0, 2000) } } : others });
}

export const keepName = (name) => keep({ name: name.trim().slice(0, 80) });

/** Keeps the newest result of each exercise. */
export function keepExercises(list) {
  const byName = new Map([...kept().exercises, ...list].map((one) => [one.exercise, one]));
  keep({ exercises: [...byName.values()] });
}

export const forget = () => localStorage.removeItem(KEY);

/** The content of a hand-in: schema/hand-in.schema.json. */
export function handIn() {
  const { name, guesses, checks, notes, exercises } = kept();
  return {
    schema: 'pushpull.hand-in/1',
    name,
    made_at: new Date().toISOString(),
    guesses: Object.entries(guesses).map(([lab, { lesson, unit, first, runs }]) =>
      ({ lab, lesson, unit, guess: first.guess, measured: first.measured, theory: first.theory, runs, at: first.at })),
    checks: Object.entries(checks).map(([check, one]) => ({ check, ...one })),
    notes: Object.entries(notes).map(([about, { lesson, text }]) => ({ about, lesson, text })),
    exercises,
  };
}
