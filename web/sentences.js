// What to notice in a lane: one sentence, made from what happened in it.

import { latency } from './clock.js';
import { counted, length, seconds } from './format.js';
import { frameHeaderBytes } from './lane.js';
import { CUT_SECONDS } from './story.js';

/** How a lane works, in a few words. */
export const HOW = {
  polling: (settings) => `asks every ${length(settings.poll)}`,
  long_polling: () => 'asks; the server waits',
  sse: () => 'one endless response',
  websocket: () => 'frames, both ways',
};

/** The sentence of `lane` for the picture `frame`: {text, tone: 'wait'|'plain'|'good'|'bad'}. */
export function sentence(lane, frame, page) {
  if (frame.origin === null) return { text: ofWindow(lane, frame, page), tone: 'plain' };
  if (frame.scene.kind === 'open') return { text: OPENING[lane.key](lane, page.settings), tone: 'plain' };
  if (frame.scene.kind === 'cut') return ofCut(lane, frame);
  return ofUpdate(lane, frame);
}

const OPENING = {
  polling: (lane, settings) => `Asks, is answered at once, and will ask again every ${length(settings.poll)}, news or not.`,
  long_polling: () => 'Asks, and gets no answer yet: the server keeps the request until there is news.',
  sse: () => 'One GET, answered “200, text/event-stream”; that response stays open and never ends.',
  websocket: () => 'One GET asks for an upgrade; after “101 Switching Protocols” it is HTTP no more.',
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
      if (!one) return { text: 'Published, but nobody has asked: it waits at the server for the next poll.', tone: 'wait' };
      const asked = one.exchange ? one.exchange.sent - due : 0;
      const empty = emptyBefore(lane, one);
      const vain = empty > 0 ? ` ${counted(empty, 'poll')} before it brought nothing.` : '';
      return asked > 0
        ? { text: `Asked ${seconds(asked)} after it was published: it waited for the next poll.${vain}`, tone: 'plain' }
        : { text: `Lucky: a poll was on its way up already when it was published.${vain}`, tone: 'plain' };
    }
    case 'long_polling': {
      const request = one?.exchange ?? lane.exchanges.findLast((exchange) => exchange.sent <= frame.now);
      const isParked = Boolean(request) && request.sent + lane.oneWay <= due;
      if (!one) {
        return isParked ? { text: 'A request is parked at the server, and the update answers it at once.', tone: 'plain' }
          : { text: 'Published while no request was parked: it waits for the next one.', tone: 'wait' };
      }
      return isParked
        ? { text: 'A request was parked at the server, so it left at once. Then the browser had to ask again.', tone: 'plain' }
        : { text: `No request was parked: it waited ${latency(one.left - due)} for the next one to come up.`, tone: 'plain' };
    }
    case 'sse': {
      const stream = lane.streams.findLast((open) => open.from <= due);
      const since = stream ? `, open for ${seconds(due - stream.from)}` : '';
      if (!one) return { text: `Nobody asks: the server writes it into the response that never ends${since}.`, tone: 'plain' };
      return { text: `Nobody asked: one more block of text in the same response${since}.`, tone: 'plain' };
    }
    case 'websocket': {
      const ping = lane.pings.findLast((ping) => ping.ping > frame.from && ping.ping <= frame.now);
      if (!one) return { text: 'Nobody asks: the server sends a frame on the connection that both may write to.', tone: 'plain' };
      const header = frameHeaderBytes(one.bytes - 4);
      return ping
        ? { text: 'One frame, unasked. The ping and its pong: this way is open in both directions.', tone: 'plain' }
        : { text: `One frame, unasked: ${header} B of header and the update. The browser may send, too.`, tone: 'plain' };
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
    const text = lane.isAsking ? 'Cut off: each request is refused, and your code has to try again.'
      : lane.key === 'sse' ? 'Cut off: the browser tries again by itself, every second.'
        : 'Cut off: nothing tries again unless your code does.';
    return { text, tone: 'bad' };
  }
  const { kept, forgot } = COMES_BACK[lane.key];
  const away = seconds(Math.max(cut.until - cut.at, CUT_SECONDS * 1000));
  if (cut.keepsCursor) {
    const text = `Back after ${away}: ${kept}; the server’s journal still had ${counted(cut.recovered, 'update')}.`;
    return { text: cut.lost > 0 ? `${text} ${counted(cut.lost, 'update')} lost.` : text, tone: cut.lost > 0 ? 'bad' : 'good' };
  }
  const lost = cut.lost > 0 ? `${counted(cut.lost, 'update')} lost, and nothing says so` : 'What was lost shows with the next update';
  return { text: `Back after ${away}: ${forgot}. ${lost}.`, tone: 'bad' };
}

/** What the last seconds show. */
function ofWindow(lane, frame, page) {
  const exchanges = lane.exchanges.filter((one) => (one.answered ?? frame.now) >= frame.from);
  const received = lane.deliveries.filter((one) => one.arrived >= frame.from).length;
  const updates = counted(received, 'update');
  const open = lane.streams.at(-1);
  switch (lane.key) {
    case 'polling': {
      const empty = exchanges.filter((one) => one.outcome === 'empty').length;
      const late = meanLatency(lane, frame);
      return `${counted(exchanges.length, 'request')}, ${empty} of them for nothing; ${updates}, on average ` +
        `${latency(late)} late; half the interval is ${length(page.settings.poll / 2)}.`;
    }
    case 'long_polling': {
      const many = exchanges.some((one) => one.updates > 1) ? ' Several came at once: they met no parked request.' : '';
      return `${updates} took ${counted(exchanges.length, 'request')}: after each answer the browser asks again.${many}`;
    }
    case 'sse': return `${updates} and no request: blocks of text in one response` +
      `${open && open.to === null ? `, open for ${seconds(frame.now - open.from)}` : ''}.`;
    case 'websocket': return `${updates} and no request: frames on one connection that carries both ways` +
      `${open && open.to === null ? `, open for ${seconds(frame.now - open.from)}` : ''}.`;
    default: return '';
  }
}

function meanLatency(lane, frame) {
  const late = lane.deliveries.filter((one) => one.arrived >= frame.from).map((one) => one.arrived - one.due);
  return late.length === 0 ? null : late.reduce((sum, ms) => sum + ms, 0) / late.length;
}
