// Two deeds with a visible outcome: one update by hand, and a cut.

import { cutFor, publish } from './api.js';
import { time } from './format.js';

const CUT_SECONDS = 2;
/** After how long an outcome is told even if a lane has not been heard of. */
const PATIENCE_MS = 15_000;

export function makeDeeds(page) {
  const outcome = document.getElementById('deed');
  page.tell = (words) => { outcome.textContent = words; };
  let published = 0;

  document.getElementById('publish').addEventListener('click', attempt(page, async () => {
    published += 1;
    const { cursor } = await publish({ published_by_hand: published });
    const seq = Number(cursor.slice(cursor.lastIndexOf('-') + 1));
    page.tell(`Update ${seq} is published …`);
    const late = (lane) => {
      const one = lane.deliveries.findLast((delivery) => delivery.seq === seq);
      return one ? one.arrived - one.due : null;
    };
    await until(() => page.lanes.every((lane) => late(lane) !== null), PATIENCE_MS);
    const words = page.lanes.map((lane) => {
      const ms = late(lane);
      return `${lane.title} ${ms === null ? 'not yet' : `after ${time(ms)}`}`;
    });
    page.tell(`Update ${seq} arrived: ${words.join(', ')}.`);
  }));

  document.getElementById('cut').addEventListener('click', attempt(page, async () => {
    const { broken } = await cutFor(CUT_SECONDS);
    const at = performance.now();
    for (const lane of page.lanes) lane.cutNow(at);
    page.tell(`The server has broken ${broken} connections and refuses this page for ${CUT_SECONDS} s.`);
    const cuts = page.lanes.map((lane) => lane.cuts.at(-1));
    await until(() => cuts.every((cut) => cut.until !== null), PATIENCE_MS);
    // What waited at the server comes with the first answer or right behind it.
    await until(() => page.lanes.every((lane, index) => lane.latest && lane.latest.due >= (cuts[index].until ?? 0)), 3000);
    const words = page.lanes.map((lane, index) => {
      const { until: back, recovered, missingBefore } = cuts[index];
      if (back === null) return `${lane.title}: still away`;
      const lost = lane.audit.missing - missingBefore;
      return `${lane.title} ${time(back - at)} (${recovered} missed and recovered${lost > 0 ? `, ${lost} lost` : ''})`;
    });
    page.tell(`Back after: ${words.join(', ')}.`);
  }));
}

/** Runs a deed, one at a time, and tells what went wrong. */
export function attempt(page, deed) {
  return async (event) => {
    event.preventDefault();
    const button = event.submitter ?? event.currentTarget;
    if (button.getAttribute('aria-disabled') === 'true') return;
    // Not `disabled`, which would take the focus away.
    button.setAttribute('aria-disabled', 'true');
    try {
      await deed();
    } catch (error) {
      page.tell(error.message);
    } finally {
      button.removeAttribute('aria-disabled');
    }
  };
}

/** Waits until something holds; false if it did not in time. */
export async function until(holds, patienceMs) {
  const end = performance.now() + patienceMs;
  while (!holds()) {
    if (performance.now() > end) return false;
    await new Promise((done) => { setTimeout(done, 50); });
  }
  return true;
}
