// This page's session and room, and its requests to the server.

import { askForToken, authorization } from './token.js';

const hex = (bytes) => Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) =>
  byte.toString(16).padStart(2, '0')).join('');

/** The session ID, by which the server counts this page's connections. It expires a minute after the page is closed. */
export const session = hex(12);

/** The name of the main stream, which all pages share, in the page's address. */
export const MAIN = 'main';

/** The stream that this page shows: its own room, unless the address names another. A reload keeps the room. */
export const room = chosenRoom();

function chosenRoom() {
  const named = new URLSearchParams(window.location.hash.slice(1)).get('room');
  if (named && /^[A-Za-z0-9_-]{1,32}$/.test(named)) return named;
  const KEY = 'pushpull-room';
  const own = sessionStorage.getItem(KEY) ?? `page-${hex(6)}`;
  sessionStorage.setItem(KEY, own);
  return own;
}

/** Whether the address names the stream. A page's own room is not in the address. */
export const isRoomNamed = new URLSearchParams(window.location.hash.slice(1)).get('room') === room;

/** An address with this page's room and further parameters. */
export function withRoom(address, more = {}) {
  const query = new URLSearchParams(room === MAIN ? more : { ...more, room });
  const text = query.toString();
  return text ? `${address}?${text}` : address;
}

/** An error answer, with the server's `detail` as its message. */
export class Refused extends Error {}

/**
 * Sends a request and returns its answer as JSON, or null. Asks the user for the token if the server requires it.
 * Throws `Refused` with the problem's detail.
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

/** The server's counters for this page, and the feed's setting. */
export const readSession = () => ask(withRoom(`/live/session/${session}`));
export const setFeed = (setting) => ask(withRoom('/live/feed'), setting);
export const setRoundTrip = (ms) => ask(withRoom(`/live/session/${session}/link`), { round_trip_ms: ms });
export const cutFor = (seconds) => ask(withRoom(`/live/session/${session}/cut`), { seconds });
export const publish = (data) => ask(withRoom('/updates'), data);
export const listReports = () => ask('/live/reports');

/** `[seq, at, published]` of each update after a position. */
export const readSchedule = async (after) => (await ask(withRoom('/stats/schedule', { after }))).updates;

/** The cursor of the newest update, read without a session so that no lane counts it. */
export async function newestCursor() {
  return (await ask(withRoom('/updates/poll'))).cursor;
}
