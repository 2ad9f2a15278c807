// The page's session and its requests to the server.

import { askForToken, authorization } from './token.js';

/** This page's name: the server counts by it, and forgets it a minute after the page is gone. */
export const session = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) =>
  byte.toString(16).padStart(2, '0')).join('');

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
export const readSession = () => ask(`/live/session/${session}`);
export const setFeed = (setting) => ask('/live/feed', setting);
export const setRoundTrip = (ms) => ask(`/live/session/${session}/link`, { round_trip_ms: ms });
export const cutFor = (seconds) => ask(`/live/session/${session}/cut`, { seconds });
export const publish = (data) => ask('/updates', data);
export const listReports = () => ask('/live/reports');

/** Where a stream stands just now, without counting for any lane. */
export async function newestCursor() {
  return (await ask('/updates/poll')).cursor;
}
