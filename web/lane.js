// The four ways to subscribe, with the browser's own means: fetch, fetch, EventSource, WebSocket. Each lane keeps its
// position, checks that nothing is missing, and writes down what happened for the diagram, the sentences and the figures.

import { session, withRoom } from './api.js';
import { local, oneWayMs } from './clock.js';
import { pause, utf8Length } from './format.js';

/** Things kept of each kind: what a window of 30 s can show at 200 a second. */
const KEPT = 6000;
/** The longest window is 30 s. */
const KEPT_MS = 60_000;
const BLOCK = 256;
/** Latencies kept for the percentiles. */
const LATENCIES_KEPT = 4096;
/** Like the `retry` of the event stream: a WebSocket has no way of its own to come back. */
const RETRY_MS = 1000;
const BACKOFF_MS = 250;
const BACKOFF_MAX_MS = 2000;

/**
 * Keeps what is younger than `KEPT_MS`, and of that the newest `KEPT`: longer than any window shows. Cut in blocks, so
 * that it costs nothing each time.
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
  /** Whether each update is asked for. */
  isAsking = false;
  isStopped = false;

  constructor(key, title, page) {
    this.key = key;
    this.title = title;
    this.page = page;
    /** {sent, answered, left, up, head, down, updates, outcome: 'open'|'some'|'empty'|'failed'|'stream'} */
    this.exchanges = [];
    /** {seq, due, left, arrived, bytes, exchange, mark, isRecovered}; `left` is when it left the server, as far as known. */
    this.deliveries = [];
    /** {from, to} of each open stream. */
    this.streams = [];
    /** {at, until, keepsCursor, recovered, lost} of each cut. */
    this.cuts = [];
    /** {first, count, at} of updates that were never received. */
    this.losses = [];
    /** {sent, answered, up, down, how} of each message from here to the server. */
    this.messages = [];
    /** {ping, pong} of each ping that the server sent, by the server's count. */
    this.pings = [];
    this.audit = { received: 0, first: null, last: null, missing: 0, announced: 0, duplicate: 0 };
    this.latencies = [];
    this.latest = null;
    this.bytesOfRequest = 0;
  }

  /** Ends for good: nothing is asked for any more, and what is open is closed. */
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

  /** An update has arrived and is decoded. */
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
      // Under way when the connections broke, or published before this lane was back.
      isRecovered: Boolean(cut) && arrived > cut.at && due > cut.at - this.oneWay - 20
        && (cut.until === null || due < cut.until) };
    keep(this.deliveries, delivery);
    if (delivery.isRecovered) cut.recovered += 1;
    this.latest = { seq: update.seq, due, data: update.data };
    if (delivery.left >= this.page.countedFrom) this.latencies.push(arrived - due);
    if (this.latencies.length > LATENCIES_KEPT * 1.25) this.latencies.splice(0, LATENCIES_KEPT / 4);
    this.page.onUpdate(this, update, delivery);
  }

  /** Updates that were skipped. */
  lose(first, count, at) {
    this.audit.missing += count;
    keep(this.losses, { first, count, at });
    const cut = this.cuts.at(-1);
    if (cut) cut.lost += count;
  }

  /** Updates are missing here, and the server says so. */
  gap(gap) {
    this.audit.announced += gap.lost ?? 0;
    this.audit.last = null;
  }

  /** The server was reached: a cut is over for this lane. */
  reached(at) {
    const cut = this.cuts.at(-1);
    if (cut && cut.until === null && at > cut.at + 1) cut.until = at;
  }

  /** The connections break now. Without its cursor, the lane comes back as if it had never been here. */
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

/** What polling and long polling share: one request, one answer. */
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
        // The tag tells one that came without a position where it stands.
        this.position ??= response.headers.get('etag')?.replaceAll('"', '') ?? null;
        return false;
      }
      if (!response.ok) throw new Error(`${address} answered ${response.status}: ${text}`);
      // It has been back since the server had its request: a parked one is answered much later.
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

/** Bytes of a response's head: HTTP/1.1 writes each header as it is seen here. */
function headBytes(response) {
  let count = `HTTP/1.1 ${response.status} ${response.statusText}\r\n\r\n`.length;
  for (const [name, value] of response.headers) count += name.length + value.length + 4;
  return count;
}

class Polling extends Asking {
  /** Asks on a grid of the interval; a poll that is due while one is on its way is left out. */
  async run() {
    let due = performance.now();
    while (!this.isStopped) {
      this.wake = null;
      try {
        while (await this.ask(this.address('/updates/poll')) && !this.isStopped);
      } catch {
        // The next poll is the repetition.
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

  /** Another interval holds from now on. */
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
        // Full jitter: those who were cut together must not come back together.
        await pause(Math.random() * wait);
        wait = Math.min(wait * 2, BACKOFF_MAX_MS);
      }
      // A server that answers at once with nothing (hold 0) must not be asked in a tight loop.
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
      // Of its own return a browser does not say when it asked: two round trips ago, one of them for the connection.
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
      // The browser comes back by itself after `retry`; but an answer that is no event stream ends it for good.
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
    // As from a server that sends no `id`: the browser has nothing to come back with.
    this.source?.close();
    this.ended();
    this.again();
  }
}

/** An event on the wire: its fields, and the chunk that carries it (RFC 9112 section 7.1). */
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
      // A frame with a position says where the stream stands, and a gap moves the position in the same frame.
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

  /** The server's last ping and the pong that it got, as the server counted them. */
  heardOf({ ping_ago_us: pingAgo, pong_ago_us: pongAgo }, now) {
    if (pingAgo === null) return;
    const ping = now - pingAgo / 1e3;
    // The server adds the way up to requests only; a pong would have travelled it, too.
    const up = this.page.settings.rtt / 2;
    const pong = pongAgo !== null && pongAgo <= pingAgo ? now - pongAgo / 1e3 + up : null;
    const last = this.pings.at(-1);
    if (last && Math.abs(last.ping - ping) < 1000) last.pong ??= pong;
    else keep(this.pings, { ping, pong });
  }
}

/** Bytes of header of a frame from the server (RFC 6455 section 5.2). */
export function frameHeaderBytes(payload) {
  return payload < 126 ? 2 : payload < 65536 ? 4 : 10;
}

/** A frame from the server: header and payload. */
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
