// Shows the limit of six connections: opens event streams until the page's next request finds no free connection.

import { withRoom } from './api.js';
import { element, pause, time } from './format.js';

const STREAMS_MAX = 8;
/** A request on loopback that takes this long is stuck. */
const STUCK_AFTER_MS = 1500;
/** The page closes the streams by itself after this time, because its own control requests hang as well. */
const CLOSE_AFTER_MS = 6000;
const OPEN = 'Open event streams until a request waits';

export function makeConnectionLimit(page) {
  const button = document.getElementById('connect');
  const slots = document.getElementById('slots');
  const result = document.getElementById('connect-result');
  let open = null;

  function show(streams, isStuck) {
    const held = [['long poll', 'long_polling'], ['event stream', 'sse'], ...streams.map(() => ['one more', 'sse'])];
    slots.replaceChildren(...Array.from({ length: Math.max(6, held.length) }, (_, index) => {
      const [label, kind] = held[index] ?? ['free', 'free'];
      return element('span', { class: `slot ${kind}${label === 'one more' ? ' more' : ''}${index >= 6 ? ' waits' : ''}` }, index >= 6 ? 'waits' : label);
    }));
    slots.classList.toggle('stuck', isStuck);
  }

  function openStream() {
    return new Promise((done) => {
      const source = new EventSource(withRoom('/updates/sse'));
      source.onopen = () => done(true);
      open.push(source);
      setTimeout(() => done(false), STUCK_AFTER_MS);
    });
  }

  /** Measures how long a small request takes. Calls `onStuck` when it is stuck, and continues to wait. */
  function probe(onStuck) {
    const sent = performance.now();
    const timer = setTimeout(onStuck, STUCK_AFTER_MS);
    const answered = fetch('/clock', { cache: 'no-store' }).then(() => performance.now() - sent);
    return answered.finally(() => clearTimeout(timer));
  }

  function closeAll() {
    for (const source of open ?? []) source.close();
    open = null;
    show([], false);
    button.textContent = OPEN;
  }

  button.addEventListener('click', async () => {
    if (open) {
      closeAll();
      return;
    }
    open = [];
    button.textContent = 'Close them';
    page.isAtLimit = true;
    try {
      await openUntilStuck();
    } finally {
      closeAll();
      page.isAtLimit = false;
    }
  });

  async function openUntilStuck() {
    let opened = 0;
    while (open && open.length < STREAMS_MAX) {
      const isOpened = await openStream();
      if (!open) return;
      opened += isOpened ? 1 : 0;
      show(open, false);
      let isStuck = false;
      const answered = probe(() => { isStuck = true; });
      const first = await Promise.race([answered, pause(STUCK_AFTER_MS + 50)]);
      if (!isStuck) {
        result.textContent = `${opened} more ${opened === 1 ? 'stream is' : 'streams are'} open, and the ` +
          `next request took ${time(first)}.`;
        await pause(350);
        continue;
      }
      show(open, true);
      result.textContent = `Stuck: with ${opened} more event streams this browser has no connection left. The next ` +
        'request waits and shows no error. Polling waits too, and so does long polling when it has to ask again. SSE ' +
        'and WebSocket continue on the connections that they have.';
      const end = performance.now() + CLOSE_AFTER_MS;
      while (open && performance.now() < end) await pause(100);
      closeAll();
      const waited = await answered;
      result.textContent = `Closed: the request that was stuck behind ${opened} streams was answered at once, ` +
        `${time(waited)} after it was sent. What helps: HTTP/2 (one connection for all), a ` +
        'WebSocket (counted separately), or one stream shared by all tabs (SharedWorker, BroadcastChannel).';
      return;
    }
    const protocol = performance.getEntriesByType('navigation')[0]?.nextHopProtocol ?? '';
    result.dataset.protocol = protocol;
    result.textContent = protocol === 'h2'
      ? `${STREAMS_MAX} more streams opened without a stall: over HTTP/2 each request is a stream of one connection, ` +
        'and the limit of six does not apply. The remaining limit is the number of streams that a server allows: here 200.'
      : `${STREAMS_MAX} more streams opened without a stall: this browser, or a proxy with HTTP/2, ` +
        'allows more than six connections.';
  }

  show([], false);
}
