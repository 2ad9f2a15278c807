// The actions of the page: publish one update, cut the connections, pause the diagrams.

import { cutFor, newestCursor, publish, readSchedule } from './api.js';
import { latency, local } from './clock.js';
import { pause, say, until } from './format.js';
import { CUT_SECONDS } from './story.js';

/** How long an action waits for all lanes before it reports its result. */
const PATIENCE_MS = 15_000;
/** Updates that the page publishes while it is cut off, so that there is something to lose. */
const PUBLISHED_WHILE_CUT = 3;

export function makeActions(page) {
  let published = 0;
  const byHand = () => {
    published += 1;
    return publish({ published_by_hand: published });
  };

  document.getElementById('publish').addEventListener('click', attempt(page, async () => {
    const { cursor } = await byHand();
    const seq = Number(cursor.slice(cursor.lastIndexOf('-') + 1));
    page.tell(`Update ${seq} is published …`);
    const late = (lane) => {
      const one = lane.deliveries.findLast((delivery) => delivery.seq === seq);
      return one ? one.arrived - one.due : null;
    };
    await until(() => page.lanes.every((lane) => late(lane) !== null), PATIENCE_MS);
    const words = page.lanes.map((lane) => {
      const ms = late(lane);
      return `${lane.title} ${ms === null ? 'not yet' : `after ${latency(ms)}`}`;
    });
    page.tell(`Update ${seq} arrived: ${words.join(', ')}.`);
  }));

  document.getElementById('cut').addEventListener('click', attempt(page, async () => {
    const keepsCursor = document.getElementById('keeps-cursor').checked;
    const before = await newestCursor();
    await cutFor(CUT_SECONDS);
    const at = performance.now();
    for (const lane of page.lanes) lane.cutNow(at, keepsCursor);
    page.story.cut(at, keepsCursor);
    page.tell('');
    for (let count = 0; count < PUBLISHED_WHILE_CUT; count += 1) {
      await pause((CUT_SECONDS * 1000) / (PUBLISHED_WHILE_CUT + 1));
      await byHand();
    }
    // A parked long poll is known to be back only when it is answered.
    const others = page.lanes.filter((lane) => lane.key !== 'long_polling').map((lane) => lane.cuts.at(-1));
    await until(() => others.every((cut) => cut.until !== null), PATIENCE_MS);
    await pause(page.settings.rtt + 300);
    // A loss is detected with the next update, so one is published.
    await byHand();
    const schedule = await readSchedule(before);
    page.missed(schedule.map(([seq, due]) => ({ seq, due: local(due) })));
  }));

  const frozen = document.getElementById('pause');
  frozen.addEventListener('click', () => {
    page.frozenAt = page.frozenAt === null ? performance.now() : null;
    frozen.setAttribute('aria-pressed', String(page.frozenAt !== null));
    say(frozen, page.frozenAt === null ? 'Pause' : 'Resume');
  });
}

/** Wraps an event handler: runs the action once at a time, and shows its error. */
export function attempt(page, action) {
  return async (event) => {
    event.preventDefault();
    const button = event.submitter ?? event.currentTarget;
    if (button.getAttribute('aria-disabled') === 'true') return;
    // Not `disabled`, which would remove the focus.
    button.setAttribute('aria-disabled', 'true');
    try {
      await action();
    } catch (error) {
      page.tell(error.message);
    } finally {
      button.removeAttribute('aria-disabled');
    }
  };
}
