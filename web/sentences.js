// The sentence of each lane, which says what happened in it.

import { latency } from './clock.js';
import { counted, length, seconds } from './format.js';
import { frameHeaderBytes } from './lane.js';
import { say } from './phrases.js';
import { CUT_SECONDS } from './story.js';

/** How a lane works, in a few words. */
export const HOW = {
  polling: (settings) => say('asks every {length}', { length: length(settings.poll) }),
  long_polling: () => say('asks; the server holds the request'),
  sse: () => say('one endless response'),
  websocket: () => say('frames, both ways'),
};

/** The sentence of `lane` for the picture `frame`: {text, tone: 'wait'|'plain'|'good'|'bad'}. */
export function sentence(lane, frame, page) {
  if (frame.origin === null) return { text: ofWindow(lane, frame, page), tone: 'plain' };
  if (frame.scene.kind === 'open') return { text: OPENING[lane.key](lane, page.settings), tone: 'plain' };
  if (frame.scene.kind === 'cut') return ofCut(lane, frame);
  return ofUpdate(lane, frame);
}

const OPENING = {
  polling: (lane, settings) => say('Asks, is answered at once, and asks again every {length}, even if nothing is new.', { length: length(settings.poll) }),
  long_polling: () => say('Asks, and gets no answer yet: the server holds the request until there is an update.'),
  sse: () => say('One GET, answered “200, text/event-stream”; the response stays open and does not end.'),
  websocket: () => say('One GET asks for an upgrade; after “101 Switching Protocols” the connection is no longer HTTP.'),
};

/** The delivery of the current update, once the diagram has reached it. */
export function followed(lane, frame) {
  if (frame.scene.kind !== 'update') return null;
  const one = lane.deliveries.findLast((delivery) => delivery.seq === frame.scene.seq);
  return one && one.arrived <= frame.now ? one : null;
}

function ofUpdate(lane, frame) {
  const due = frame.scene.at;
  const one = followed(lane, frame);
  switch (lane.key) {
    case 'polling': {
      if (!one) return { text: say('Published, but there is no request: it waits at the server for the next poll.'), tone: 'wait' };
      const asked = one.exchange ? one.exchange.sent - due : 0;
      const empty = emptyBefore(lane, one);
      const vain = empty > 0 ? say(' {polls} before that came back empty.', { polls: counted(empty, 'poll') }) : '';
      return asked > 0
        ? { text: say('It waited for the next poll, which was sent {time} after it was published.{vain}', { time: seconds(asked), vain }), tone: 'plain' }
        : { text: say('Lucky: a poll was already on its way when it was published.{vain}', { vain }), tone: 'plain' };
    }
    case 'long_polling': {
      const request = one?.exchange ?? lane.exchanges.findLast((exchange) => exchange.sent <= frame.now);
      const isParked = Boolean(request) && request.sent + lane.oneWay <= due;
      if (!one) {
        return isParked ? { text: say('A request is parked at the server, and the update answers it at once.'), tone: 'plain' }
          : { text: say('Published while no request was parked: it waits for the next one.'), tone: 'wait' };
      }
      return isParked
        ? { text: say('A request was parked at the server, so the update left at once. Then the browser had to ask again.'), tone: 'plain' }
        : { text: say('No request was parked: it waited {time} for the next one to arrive.', { time: latency(one.left - due) }), tone: 'plain' };
    }
    case 'sse': {
      const stream = lane.streams.findLast((open) => open.from <= due);
      const since = stream ? say(', open for {time}', { time: seconds(due - stream.from) }) : '';
      if (!one) return { text: say('No request needed: the server writes it into the open response{since}.', { since }), tone: 'plain' };
      return { text: say('No request needed: one more block of text in the same response{since}.', { since }), tone: 'plain' };
    }
    case 'websocket': {
      const ping = lane.pings.findLast((ping) => ping.ping > frame.from && ping.ping <= frame.now);
      if (!one) return { text: say('No request needed: the server sends a frame on a connection to which both sides can write.'), tone: 'plain' };
      const header = frameHeaderBytes(one.bytes - 4);
      return ping
        ? { text: say('One frame, without a request. The ping and its pong show that the connection works both ways.'), tone: 'plain' }
        : { text: say('One frame, without a request: {header} B of header and the update. The browser can send, too.', { header }), tone: 'plain' };
    }
    default: return { text: '', tone: 'plain' };
  }
}

/** The number of empty polls directly before the answer that delivered `one`. */
function emptyBefore(lane, one) {
  const index = lane.exchanges.indexOf(one.exchange);
  let count = 0;
  for (let i = index - 1; i >= 0 && lane.exchanges[i].outcome === 'empty'; i -= 1) count += 1;
  return count;
}

/** How a lane reconnects, with its cursor and without. */
const COMES_BACK = {
  polling: { kept: 'your code’s next poll sent its cursor', forgot: 'your code’s next poll sent no cursor' },
  long_polling: { kept: 'your code asked again with its cursor', forgot: 'your code asked again without a cursor' },
  sse: { kept: 'the browser reconnected by itself with Last-Event-ID',
    forgot: 'the browser reconnected by itself, but without ids it has no position to send' },
  websocket: { kept: 'your code opened a new socket with the cursor it had kept',
    forgot: 'your code opened a new socket, which knows nothing about the old one' },
};

function ofCut(lane, frame) {
  const cut = lane.cuts.findLast((one) => Math.abs(one.at - frame.scene.at) < 1000);
  if (!cut || cut.until === null || cut.until > frame.now) {
    const text = lane.isAsking ? say('Cut off: each request is refused, and your code has to try again.')
      : lane.key === 'sse' ? say('Cut off: the browser tries again by itself, every second.')
        : say('Cut off: nothing reconnects unless your code does.');
    return { text, tone: 'bad' };
  }
  const { kept, forgot } = COMES_BACK[lane.key];
  const away = seconds(Math.max(cut.until - cut.at, CUT_SECONDS * 1000));
  if (cut.keepsCursor) {
    const text = say('Back after {away}: {kept}; the server’s journal still had {updates}.',
      { away, kept: say(kept), updates: counted(cut.recovered, 'update') });
    return { text: cut.lost > 0 ? text + say(' {updates} lost.', { updates: counted(cut.lost, 'update') }) : text, tone: cut.lost > 0 ? 'bad' : 'good' };
  }
  const lost = cut.lost > 0 ? say('{updates} lost, without any notice', { updates: counted(cut.lost, 'update') })
    : say('The next update will show what was lost');
  return { text: say('Back after {away}: {forgot}. {lost}.', { away, forgot: say(forgot), lost }), tone: 'bad' };
}

/** The sentence for the moving window. */
function ofWindow(lane, frame, page) {
  const exchanges = lane.exchanges.filter((one) => (one.answered ?? frame.now) >= frame.from);
  const received = lane.deliveries.filter((one) => one.arrived >= frame.from).length;
  const updates = counted(received, 'update');
  const open = lane.streams.at(-1);
  const since = open && open.to === null ? say(', open for {time}', { time: seconds(frame.now - open.from) }) : '';
  switch (lane.key) {
    case 'polling': {
      const empty = exchanges.filter((one) => one.outcome === 'empty').length;
      const late = meanLatency(lane, frame);
      return say('{requests}, {empty} of them empty; {updates}, on average {late} late; half the interval is {half}.',
        { requests: counted(exchanges.length, 'request'), empty, updates, late: latency(late), half: length(page.settings.poll / 2) });
    }
    case 'long_polling': {
      const many = exchanges.some((one) => one.updates > 1) ? say(' Some arrived together, because no request was parked.') : '';
      return say('{updates} took {requests}: after each answer the browser asks again.{many}',
        { updates, requests: counted(exchanges.length, 'request'), many });
    }
    case 'sse': return say('{updates} and no request: blocks of text in one response{since}.', { updates, since });
    case 'websocket':
      return say('{updates} and no request: frames on one connection that works both ways{since}.', { updates, since });
    default: return '';
  }
}

function meanLatency(lane, frame) {
  const late = lane.deliveries.filter((one) => one.arrived >= frame.from).map((one) => one.arrived - one.due);
  return late.length === 0 ? null : late.reduce((sum, ms) => sum + ms, 0) / late.length;
}
