// This page's session and room, and its requests to the server.

import { askForToken, authorization } from './token.js';

const hex = (bytes) => Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) =>
  byte.toString(16).padStart(2, '0')).join('');

/** This page's name: the server counts by it, and forgets it a minute after the page is gone. */
export const session = hex(12);

/** What the address calls the stream that all pages share. */
export const MAIN = 'main';

/**
 * The stream that this page shows: a room of its own unless the address names another. A room of its own is kept for
 * this tab, so that a reload finds it again.
 */
export const room = chosenRoom();

function chosenRoom() {
  const named = new URLSearchParams(window.location.hash.slice(1)).get('room');
  if (named && /^[A-Za-z0-9_-]{1,32}$/.test(named)) return named;
  const KEY = 'pushpull-room';
  const own = sessionStorage.getItem(KEY) ?? `page-${hex(6)}`;
  sessionStorage.setItem(KEY, own);
  return own;
}

/** Whether the address names the stream; a page's own room is nobody else's business. */
export const isRoomNamed = new URLSearchParams(window.location.hash.slice(1)).get('room') === room;

/** An address with this page's room, and with whatever else it needs. */
export function withRoom(address, more = {}) {
  const query = new URLSearchParams(room === MAIN ? more : { ...more, room });
  const text = query.toString();
  return text ? `${address}?${text}` : address;
}

/** What the server said was wrong, in its words. */
export class Refused extends Error {}

/**
 * A request whose answer is JSON or nothing; asks for the token where the server wants it. Throws `Refused` with the
 * problem's detail.
 */
export async function ask(address, body) {
  const options = { cache: 'no-store' };
  if (body !== undefined) {
    options.method = 'POST';
    options.body = JSON.stringify(body);
    options.headers = { 'content-type': 'application/json', ...authorization() };
  }
  const response = await fetch(address, options);
  if (response.status === 401 && await askForToken()) return ask(address, body);
  const text = await response.text();
  const value = text ? JSON.parse(text) : null;
  if (!response.ok) throw new Refused(value?.detail ?? `${address} answered ${response.status}`);
  return value;
}

/** What the server counted for this page, and the feed's setting. */
export const readSession = () => ask(withRoom(`/live/session/${session}`));
export const setFeed = (setting) => ask(withRoom('/live/feed'), setting);
export const setRoundTrip = (ms) => ask(withRoom(`/live/session/${session}/link`), { round_trip_ms: ms });
export const cutFor = (seconds) => ask(withRoom(`/live/session/${session}/cut`), { seconds });
export const publish = (data) => ask(withRoom('/updates'), data);
export const listReports = () => ask('/live/reports');

/** What was due when behind a position: `[seq, at, published]` of each update. */
export const readSchedule = async (after) => (await ask(withRoom('/stats/schedule', { after }))).updates;

/** Where the stream stands just now, without counting for any lane. */
export async function newestCursor() {
  return (await ask(withRoom('/updates/poll'))).cursor;
}
