// The way up: a message over a WebSocket that is open anyway, and the same as a POST, both echoed by the server.

import { readSession, session } from './api.js';
import { attempt } from './cut.js';
import { bytes, element, time } from './format.js';

let socket = null;

/** An open WebSocket to `/echo/ws`. */
function open() {
  if (socket?.readyState === WebSocket.OPEN) return Promise.resolve(socket);
  return new Promise((done, fail) => {
    const scheme = window.location.protocol === 'https:' ? 'wss:' : 'ws:';
    socket = new WebSocket(`${scheme}//${window.location.host}/echo/ws?session=${session}`);
    socket.onopen = () => done(socket);
    socket.onerror = () => fail(new Error('The WebSocket cannot be opened; is the server still running?'));
  });
}

function overWebSocket(text) {
  const sent = performance.now();
  return new Promise((done, fail) => {
    socket.onmessage = () => done(performance.now() - sent);
    socket.onclose = () => fail(new Error('The WebSocket was closed; send again.'));
    socket.send(text);
  });
}

async function overPost(text) {
  const sent = performance.now();
  const response = await fetch(`/echo?session=${session}`, { method: 'POST', body: text, cache: 'no-store' });
  await response.text();
  return performance.now() - sent;
}

export function makeUpward(page) {
  const result = document.getElementById('up-result');
  document.getElementById('up').addEventListener('submit', attempt(page, async () => {
    const text = document.getElementById('up-text').value;
    await open();
    const before = await readSession();
    const socketTook = await overWebSocket(text);
    const postTook = await overPost(text);
    const after = await readSession();
    const moved = (lane, name) => after.lanes[lane][name] - before.lanes[lane][name];
    const line = (name, how, took, lane) => element('div', { class: name },
      element('b', {}, how), element('span', {}, `${bytes(moved(lane, 'bytes_in'))} up, ` +
        `${bytes(moved(lane, 'bytes_out'))} back, ${time(took)} there and back`));
    const now = performance.now();
    for (const lane of page.lanes) {
      const [how, took, from] = lane.key === 'websocket' ? ['frame', socketTook, 'up_websocket'] : ['POST', postTook, 'up_post'];
      // Shown from now on in all lanes at once; they were really sent one after the other.
      lane.sentUp({ sent: now - took, answered: now, up: moved(from, 'bytes_in'), down: moved(from, 'bytes_out'), how });
    }
    result.replaceChildren(
      line('websocket', 'WebSocket: one frame', socketTook, 'up_websocket'),
      line('sse', 'The other three: a POST', postTook, 'up_post'));
  }));
}
