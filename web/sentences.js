// What to notice in a lane: one sentence, made from what happened in it.

import { latency } from './clock.js';
import { counted, length, seconds } from './format.js';
import { frameHeaderBytes } from './lane.js';
import { say } from './phrases.js';
import { CUT_SECONDS } from './story.js';

/** How a lane works, in a few words. */
export const HOW = {
  polling: (settings) => say('asks every {length}', { length: length(settings.poll) }),
  long_polling: () => say('asks; the server waits'),
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
  polling: (lane, settings) => say('Asks, is answered at once, and will ask again every {length}, news or not.', { length: length(settings.poll) }),
  long_polling: () => say('Asks, and gets no answer yet: the server keeps the request until there is news.'),
  sse: () => say('One GET, answered “200, text/event-stream”; that response stays open and never ends.'),
  websocket: () => say('One GET asks for an upgrade; after “101 Switching Protocols” it is HTTP no more.'),
};

/** The delivery of the update that is followed, once the picture has come so far. */
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
      if (!one) return { text: say('Published, but nobody has asked: it waits at the server for the next poll.'), tone: 'wait' };
      const asked = one.exchange ? one.exchange.sent - due : 0;
      const empty = emptyBefore(lane, one);
      const vain = empty > 0 ? say(' {polls} before it brought nothing.', { polls: counted(empty, 'poll') }) : '';
      return asked > 0
        ? { text: say('Asked {time} after it was published: it waited for the next poll.{vain}', { time: seconds(asked), vain }), tone: 'plain' }
        : { text: say('Lucky: a poll was on its way up already when it was published.{vain}', { vain }), tone: 'plain' };
    }
    case 'long_polling': {
      const request = one?.exchange ?? lane.exchanges.findLast((exchange) => exchange.sent <= frame.now);
      const isParked = Boolean(request) && request.sent + lane.oneWay <= due;
      if (!one) {
        return isParked ? { text: say('A request is parked at the server, and the update answers it at once.'), tone: 'plain' }
          : { text: say('Published while no request was parked: it waits for the next one.'), tone: 'wait' };
      }
      return isParked
        ? { text: say('A request was parked at the server, so it left at once. Then the browser had to ask again.'), tone: 'plain' }
        : { text: say('No request was parked: it waited {time} for the next one to come up.', { time: latency(one.left - due) }), tone: 'plain' };
    }
    case 'sse': {
      const stream = lane.streams.findLast((open) => open.from <= due);
      const since = stream ? say(', open for {time}', { time: seconds(due - stream.from) }) : '';
      if (!one) return { text: say('Nobody asks: the server writes it into the response that never ends{since}.', { since }), tone: 'plain' };
      return { text: say('Nobody asked: one more block of text in the same response{since}.', { since }), tone: 'plain' };
    }
    case 'websocket': {
      const ping = lane.pings.findLast((ping) => ping.ping > frame.from && ping.ping <= frame.now);
      if (!one) return { text: say('Nobody asks: the server sends a frame on the connection that both may write to.'), tone: 'plain' };
      const header = frameHeaderBytes(one.bytes - 4);
      return ping
        ? { text: say('One frame, unasked. The ping and its pong: this way is open in both directions.'), tone: 'plain' }
        : { text: say('One frame, unasked: {header} B of header and the update. The browser may send, too.', { header }), tone: 'plain' };
    }
    default: return { text: '', tone: 'plain' };
  }
}

/** Polls that brought nothing between the answer with an update before `one` and `one`. */
function emptyBefore(lane, one) {
  const index = lane.exchanges.indexOf(one.exchange);
  let count = 0;
  for (let i = index - 1; i >= 0 && lane.exchanges[i].outcome === 'empty'; i -= 1) count += 1;
  return count;
}

/** Whose code brings a lane back, with its cursor and without. */
const COMES_BACK = {
  polling: { kept: 'your code’s next poll named its cursor', forgot: 'your code’s next poll named no cursor' },
  long_polling: { kept: 'your code asked again, naming its cursor', forgot: 'your code asked again, naming no cursor' },
  sse: { kept: 'the browser came back by itself with Last-Event-ID',
    forgot: 'the browser came back by itself, but without ids it has nothing to name' },
  websocket: { kept: 'your code opened a new socket with the cursor it had kept',
    forgot: 'your code opened a new socket, which knows nothing of the old one' },
};

function ofCut(lane, frame) {
  const cut = lane.cuts.findLast((one) => Math.abs(one.at - frame.scene.at) < 1000);
  if (!cut || cut.until === null || cut.until > frame.now) {
    const text = lane.isAsking ? say('Cut off: each request is refused, and your code has to try again.')
      : lane.key === 'sse' ? say('Cut off: the browser tries again by itself, every second.')
        : say('Cut off: nothing tries again unless your code does.');
    return { text, tone: 'bad' };
  }
  const { kept, forgot } = COMES_BACK[lane.key];
  const away = seconds(Math.max(cut.until - cut.at, CUT_SECONDS * 1000));
  if (cut.keepsCursor) {
    const text = say('Back after {away}: {kept}; the server’s journal still had {updates}.',
      { away, kept: say(kept), updates: counted(cut.recovered, 'update') });
    return { text: cut.lost > 0 ? text + say(' {updates} lost.', { updates: counted(cut.lost, 'update') }) : text, tone: cut.lost > 0 ? 'bad' : 'good' };
  }
  const lost = cut.lost > 0 ? say('{updates} lost, and nothing says so', { updates: counted(cut.lost, 'update') })
    : say('What was lost shows with the next update');
  return { text: say('Back after {away}: {forgot}. {lost}.', { away, forgot: say(forgot), lost }), tone: 'bad' };
}

/** What the last seconds show. */
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
      return say('{requests}, {empty} of them for nothing; {updates}, on average {late} late; half the interval is {half}.',
        { requests: counted(exchanges.length, 'request'), empty, updates, late: latency(late), half: length(page.settings.poll / 2) });
    }
    case 'long_polling': {
      const many = exchanges.some((one) => one.updates > 1) ? say(' Several came at once: they met no parked request.') : '';
      return say('{updates} took {requests}: after each answer the browser asks again.{many}',
        { updates, requests: counted(exchanges.length, 'request'), many });
    }
    case 'sse': return say('{updates} and no request: blocks of text in one response{since}.', { updates, since });
    case 'websocket':
      return say('{updates} and no request: frames on one connection that carries both ways{since}.', { updates, since });
    default: return '';
  }
}

function meanLatency(lane, frame) {
  const late = lane.deliveries.filter((one) => one.arrived >= frame.from).map((one) => one.arrived - one.due);
  return late.length === 0 ? null : late.reduce((sum, ms) => sum + ms, 0) / late.length;
}
