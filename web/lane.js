// The four transports in the browser's own APIs: fetch, fetch, EventSource, WebSocket. Each lane keeps its position,
// checks that no update is missing, and records what happened for the diagram, the sentences and the figures.

import { session, withRoom } from './api.js';
import { local, oneWayMs } from './clock.js';
import { pause, utf8Length } from './format.js';

/** Items kept in each list: what a window of 30 s can show at 200 a second. */
const KEPT = 6000;
/** The longest window is 30 s. */
const KEPT_MS = 60_000;
const BLOCK = 256;
/** Latencies kept for the percentiles. */
const LATENCIES_KEPT = 4096;
/** As the `retry` of the event stream: a WebSocket does not reconnect by itself. */
const RETRY_MS = 1000;
const BACKOFF_MS = 250;
const BACKOFF_MAX_MS = 2000;

/**
 * Appends an item, and drops items that are older than `KEPT_MS` or exceed `KEPT`: no window shows that many. Items are
 * dropped in blocks, which is cheap.
 */
function keep(list, item) {
  item.kept = performance.now();
  list.push(item);
  if (list.length % BLOCK === 0) {
    const first = list.findIndex((one) => one.kept > item.kept - KEPT_MS);
    list.splice(0, Math.max(first, list.length - KEPT));
  }
  return item;
}

class Lane {
  /** Whether the client sends a request for each answer. */
  isAsking = false;
  isStopped = false;

  constructor(key, title, page) {
    this.key = key;
    this.title = title;
    this.page = page;
    /** {sent, answered, left, up, head, down, updates, outcome: 'open'|'some'|'empty'|'failed'|'stream'} */
    this.exchanges = [];
    /** {seq, due, left, arrived, bytes, exchange, mark, isRecovered}; `left` estimates when it left the server. */
    this.deliveries = [];
    /** {from, to} of each open stream. */
    this.streams = [];
    /** {at, until, keepsCursor, recovered, lost} of each cut. */
    this.cuts = [];
    /** {first, count, at} of updates that were never received. */
    this.losses = [];
    /** {sent, answered, up, down, how} of each message to the server. */
    this.messages = [];
    /** {ping, pong} of each ping that the server sent, as reported by the server. */
    this.pings = [];
    this.audit = { received: 0, first: null, last: null, missing: 0, announced: 0, duplicate: 0 };
    this.latencies = [];
    this.latest = null;
    this.bytesOfRequest = 0;
  }

  /** Ends the lane: sends no more requests and closes what is open. */
  stop() {
    this.isStopped = true;
  }

  start(cursor) {
    this.position = cursor;
    this.audit.last = Number(cursor.slice(cursor.lastIndexOf('-') + 1));
    this.run();
  }

  get oneWay() {
    return oneWayMs(this.page.settings.rtt);
  }

  address(endpoint, more = {}) {
    const after = this.position === null ? {} : { after: this.position };
    return withRoom(endpoint, { ...after, session, ...more });
  }

  /** Records an update that has arrived. */
  take(update, arrived, left, bytes, exchange = null) {
    const audit = this.audit;
    const expected = audit.last === null ? update.seq : audit.last + 1;
    if (update.seq < expected) {
      audit.duplicate += 1;
      return;
    }
    const due = local(update.at_us);
    const cut = this.cuts.at(-1);
    if (update.seq > expected) this.lose(expected, update.seq - expected, arrived);
    audit.received += 1;
    audit.first ??= update.seq;
    audit.last = update.seq;
    const delivery = { seq: update.seq, due, left: Math.max(due, left), arrived, bytes, exchange, mark: false,
      // In flight when the connections broke, or published before this lane had reconnected.
      isRecovered: Boolean(cut) && arrived > cut.at && due > cut.at - this.oneWay - 20
        && (cut.until === null || due < cut.until) };
    keep(this.deliveries, delivery);
    if (delivery.isRecovered) cut.recovered += 1;
    this.latest = { seq: update.seq, due, data: update.data };
    if (delivery.left >= this.page.countedFrom) this.latencies.push(arrived - due);
    if (this.latencies.length > LATENCIES_KEPT * 1.25) this.latencies.splice(0, LATENCIES_KEPT / 4);
    this.page.onUpdate(this, update, delivery);
  }

  /** Records updates that were skipped. */
  lose(first, count, at) {
    this.audit.missing += count;
    keep(this.losses, { first, count, at });
    const cut = this.cuts.at(-1);
    if (cut) cut.lost += count;
  }

  /** Records a gap that the server announced. */
  gap(gap) {
    this.audit.announced += gap.lost ?? 0;
    this.audit.last = null;
  }

  /** Notes that the server was reached: the cut is over for this lane. */
  reached(at) {
    const cut = this.cuts.at(-1);
    if (cut && cut.until === null && at > cut.at + 1) cut.until = at;
  }

  /** Records that the connections break now. Without its cursor, the lane resumes as a new client. */
  cutNow(at, keepsCursor) {
    keep(this.cuts, { at, until: null, keepsCursor, recovered: 0, lost: 0 });
    if (!keepsCursor) this.position = null;
  }

  sentUp(message) {
    keep(this.messages, message);
  }

  resetFigures() {
    this.latencies = [];
  }
}

/** The common part of polling and long polling: one request, one answer. */
class Asking extends Lane {
  isAsking = true;

  /** Sends one request; returns whether more is waiting. Throws if it failed. */
  async ask(address, signal) {
    const exchange = keep(this.exchanges, {
      sent: performance.now(), answered: null, left: null, up: this.bytesOfRequest, head: 0, down: 0,
      updates: 0, outcome: 'open',
    });
    try {
      const response = await fetch(address, { cache: 'no-store', signal });
      const text = await response.text();
      const arrived = performance.now();
      exchange.answered = arrived;
      exchange.left = Math.max(exchange.sent + this.oneWay, arrived - this.oneWay);
      exchange.head = headBytes(response);
      exchange.down = exchange.head + utf8Length(text);
      if (response.status === 204) {
        exchange.outcome = 'empty';
        this.reached(exchange.sent + this.oneWay);
        // The ETag gives a client without a position the current one.
        this.position ??= response.headers.get('etag')?.replaceAll('"', '') ?? null;
        return false;
      }
      if (!response.ok) throw new Error(`${address} answered ${response.status}: ${text}`);
      // The lane was back when the request reached the server: a parked request is answered much later.
      this.reached(exchange.sent + this.oneWay);
      const answer = JSON.parse(text);
      if (answer.gap) this.gap(answer.gap);
      exchange.outcome = answer.updates.length > 0 ? 'some' : 'empty';
      exchange.updates = answer.updates.length;
      for (const update of answer.updates) this.take(update, arrived, exchange.left, 0, exchange);
      this.position = answer.cursor;
      return answer.more === true;
    } catch (error) {
      exchange.answered ??= performance.now();
      exchange.outcome = signal?.aborted ? 'empty' : 'failed';
      throw error;
    }
  }
}

/** Bytes of a response's head, as HTTP/1.1 sends it. */
function headBytes(response) {
  let count = `HTTP/1.1 ${response.status} ${response.statusText}\r\n\r\n`.length;
  for (const [name, value] of response.headers) count += name.length + value.length + 4;
  return count;
}

class Polling extends Asking {
  /** Polls on a fixed grid of intervals; a poll that falls due while one is in flight is skipped. */
  async run() {
    let due = performance.now();
    while (!this.isStopped) {
      this.wake = null;
      try {
        while (await this.ask(this.address('/updates/poll')) && !this.isStopped);
      } catch {
        // The next poll is the retry.
      }
      const now = performance.now();
      const interval = this.page.settings.poll;
      due = Math.max(due + interval, now - ((now - due) % interval));
      while (due <= now) due += interval;
      await new Promise((done) => {
        this.wake = done;
        setTimeout(done, due - now);
      });
      if (performance.now() < due - 1) due = performance.now();
    }
  }

  /** Applies a new interval. */
  settingsChanged() {
    this.wake?.();
  }

  stop() {
    super.stop();
    this.wake?.();
  }
}

class LongPolling extends Asking {
  async run() {
    let wait = BACKOFF_MS;
    while (!this.isStopped) {
      this.interruption = new AbortController();
      const before = this.exchanges.length;
      try {
        await this.ask(this.address('/updates/long-poll', { hold: this.page.settings.hold }), this.interruption.signal);
        wait = BACKOFF_MS;
      } catch {
        if (this.interruption.signal.aborted) continue;
        // Full jitter: clients that were cut together must not reconnect together.
        await pause(Math.random() * wait);
        wait = Math.min(wait * 2, BACKOFF_MAX_MS);
      }
      // Avoids a tight loop with a server that answers at once without an update (hold 0).
      if (before > 0 && this.exchanges.at(-1).outcome === 'empty') await pause(5);
    }
  }

  settingsChanged() {
    this.interruption?.abort();
  }

  stop() {
    super.stop();
    this.interruption?.abort();
  }
}

class Sse extends Lane {
  run() {
    if (this.isStopped) return;
    const source = new EventSource(this.address('/updates/sse'));
    this.source = source;
    this.asked = performance.now();
    source.onopen = () => {
      const now = performance.now();
      // A browser does not report when it sent its own reconnect: about two round trips ago, one of them for the
      // connection.
      const isFirst = this.asked !== null && now - this.asked < 6 * this.oneWay + 500;
      keep(this.exchanges, { sent: isFirst ? this.asked : now - 4 * this.oneWay, answered: now, left: now - this.oneWay,
        up: this.bytesOfRequest, down: 0, updates: 0, outcome: 'stream' });
      this.asked = null;
      keep(this.streams, { from: now, to: null });
      this.reached(now);
    };
    source.onmessage = (event) => {
      const arrived = performance.now();
      const bytes = eventBytes(event.lastEventId, event.data);
      this.position = event.lastEventId || this.position;
      this.take(JSON.parse(event.data), arrived, arrived - this.oneWay, bytes);
    };
    source.addEventListener('gap', (event) => {
      this.position = event.lastEventId || this.position;
      this.gap(JSON.parse(event.data));
    });
    source.onerror = () => {
      if (this.source !== source) return;
      this.ended();
      // The browser reconnects by itself after `retry`, except after an answer that is not an event stream.
      if (source.readyState === EventSource.CLOSED) this.again();
    };
  }

  ended() {
    const open = this.streams.at(-1);
    if (open && open.to === null) open.to = performance.now();
  }

  again() {
    this.source = null;
    setTimeout(() => this.run(), RETRY_MS);
  }

  stop() {
    super.stop();
    this.source?.close();
    this.ended();
  }

  cutNow(at, keepsCursor) {
    super.cutNow(at, keepsCursor);
    if (keepsCursor) return;
    // As with a server that sends no `id`: the browser has no position to send.
    this.source?.close();
    this.ended();
    this.again();
  }
}

/** Bytes of an event on the wire: its fields, and the chunk that carries it (RFC 9112 section 7.1). */
function eventBytes(id, data) {
  const block = `id: ${id}\ndata: \n\n`.length + utf8Length(data);
  return block + block.toString(16).length + 4;
}

class WebSocketLane extends Lane {
  run() {
    const asked = performance.now();
    const scheme = window.location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(`${scheme}//${window.location.host}${this.address('/updates/ws')}`);
    this.socket = socket;
    socket.onopen = () => {
      const now = performance.now();
      keep(this.exchanges, { sent: asked, answered: now, left: now - this.oneWay, up: this.bytesOfRequest, down: 0,
        updates: 0, outcome: 'stream' });
      keep(this.streams, { from: now, to: null });
      this.reached(now);
    };
    socket.onmessage = (event) => {
      const arrived = performance.now();
      const frame = JSON.parse(event.data);
      // A frame with a cursor sets the position; a gap and its new position are in the same frame.
      if (frame.cursor) {
        this.epoch = frame.cursor.slice(0, frame.cursor.lastIndexOf('-'));
        this.position = frame.cursor;
        if (frame.gap) this.gap(frame.gap);
      } else {
        this.position = `${this.epoch}-${frame.seq}`;
        this.take(frame, arrived, arrived - this.oneWay, frameBytes(utf8Length(event.data)));
      }
    };
    socket.onclose = () => {
      const open = this.streams.at(-1);
      if (open && open.to === null) open.to = performance.now();
      if (!this.isStopped) this.retry = setTimeout(() => this.run(), RETRY_MS);
    };
  }

  stop() {
    super.stop();
    clearTimeout(this.retry);
    this.socket?.close();
  }

  /** Records the server's last ping and its pong, as the server reports them. */
  heardOf({ ping_ago_us: pingAgo, pong_ago_us: pongAgo }, now) {
    if (pingAgo === null) return;
    const ping = now - pingAgo / 1e3;
    // The server delays requests only, on the way up; a pong would have been delayed too.
    const up = this.page.settings.rtt / 2;
    const pong = pongAgo !== null && pongAgo <= pingAgo ? now - pongAgo / 1e3 + up : null;
    const last = this.pings.at(-1);
    if (last && Math.abs(last.ping - ping) < 1000) last.pong ??= pong;
    else keep(this.pings, { ping, pong });
  }
}

/** Header bytes of a frame from the server (RFC 6455 section 5.2). */
export function frameHeaderBytes(payload) {
  return payload < 126 ? 2 : payload < 65536 ? 4 : 10;
}

/** Bytes of a frame from the server: header and payload. */
export function frameBytes(payload) {
  return frameHeaderBytes(payload) + payload;
}

export function makeLanes(page) {
  return [
    new Polling('polling', 'Polling', page),
    new LongPolling('long_polling', 'Long polling', page),
    new Sse('sse', 'SSE', page),
    new WebSocketLane('websocket', 'WebSocket', page),
  ];
}
