// The state of a page: its lanes, the updates that they have seen, and the server's counters.

import { readSession } from './api.js';
import { local } from './clock.js';

/** A request of this page that takes this long is most likely waiting for a free connection. */
const STALLED_MS = 3000;
const BORN_KEPT = 6000;

const timeOfDay = () => new Date().toLocaleTimeString();

export class Page {
  /** Every update that any lane has seen: {seq, due, mark, atUs, id}. */
  born = [];
  lanes = [];
  status = null;
  base = null;
  /** Updates that left the server before this time are in none of the figures. */
  countedFrom = -Infinity;
  isCountedFromStart = true;
  countedSince = timeOfDay();
  frozenAt = null;

  constructor(settings) {
    this.settings = settings;
  }

  /** Called when the server stops answering, and again when it answers. */
  onStall() {}

  lane(key) {
    return this.lanes.find((lane) => lane.key === key);
  }

  onUpdate(lane, update, delivery) {
    delivery.mark = Boolean(update.data?.published_by_hand);
    if (update.seq <= (this.born.at(-1)?.seq ?? 0)) return;
    const id = `${this.status.newest.split('-')[0]}-${update.seq}`;
    this.born.push({ seq: update.seq, due: delivery.due, mark: delivery.mark, atUs: update.at_us, id });
    if (this.born.length > BORN_KEPT * 1.25) this.born.splice(0, this.born.length - BORN_KEPT);
  }

  /** Adds updates that no lane has received, from the server's schedule: {seq, due}. */
  missed(updates) {
    const known = new Set(this.born.map((one) => one.seq));
    const news = updates.filter((one) => !known.has(one.seq));
    if (news.length === 0) return;
    this.born.push(...news.map((one) => ({ ...one, mark: false, atUs: null, id: '' })));
    this.born.sort((a, b) => a.seq - b.seq);
  }

  /** The server's counters for one lane since the figures were last reset. */
  counted(key) {
    if (!this.status || !this.base) return null;
    const now = this.status.lanes[key];
    const base = this.base.lanes[key];
    return Object.fromEntries(Object.entries(now).map(([name, value]) => [name, value - base[name]]));
  }

  /** The path to the server since the page was opened, by the kernel: round trip, segments sent and retransmitted. */
  path() {
    const lanes = Object.values(this.status.lanes);
    const trips = lanes.map((lane) => lane.round_trip_us).filter((trip) => trip !== null);
    const sum = (name) => lanes.reduce((all, lane) => all + lane[name], 0);
    return {
      roundTripMs: trips.length > 0 ? Math.min(...trips) / 1000 : null,
      sent: sum('data_segments_out'),
      again: sum('segments_retransmitted'),
    };
  }

  async readStatus() {
    const stalled = setTimeout(() => this.onStall(true), STALLED_MS);
    try {
      this.status = await readSession();
      this.base ??= this.status;
      for (const lane of this.lanes) {
        const counts = this.status.lanes[lane.key];
        lane.bytesOfRequest = counts.request_bytes;
        lane.heardOf?.(counts, local(this.status.now_us));
      }
      this.onStall(false);
    } finally {
      clearTimeout(stalled);
    }
  }

  async countFromZero() {
    await this.readStatus();
    this.base = this.status;
    this.countedFrom = local(this.base.now_us);
    this.isCountedFromStart = false;
    this.countedSince = timeOfDay();
    for (const lane of this.lanes) lane.resetFigures();
  }
}
