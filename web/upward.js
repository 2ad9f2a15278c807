// Messages to the server: as a frame on an open WebSocket, and as a POST. The server echoes both.

import { readSession, session, withRoom } from './api.js';
import { attempt } from './actions.js';
import { bytes, element, time } from './format.js';

let socket = null;

/** An open WebSocket to `/echo/ws`. */
function open() {
  if (socket?.readyState === WebSocket.OPEN) return Promise.resolve(socket);
  return new Promise((done, fail) => {
    const scheme = window.location.protocol === 'https:' ? 'wss:' : 'ws:';
    socket = new WebSocket(`${scheme}//${window.location.host}${withRoom('/echo/ws', { session })}`);
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
  const response = await fetch(withRoom('/echo', { session }), { method: 'POST', body: text, cache: 'no-store' });
  await response.text();
  return performance.now() - sent;
}

export function makeUpward(page) {
  const result = document.getElementById('up-result');
  document.getElementById('up').addEventListener('submit', attempt(page, async () => {
    const text = document.getElementById('up-text').value;
    await open();
    let before = (await readSession()).lanes;
    const lines = [];
    // Each lane sends its own message: the WebSocket a frame, the other three a POST each.
    for (const lane of [...page.lanes].reverse()) {
      const isFrame = lane.key === 'websocket';
      const took = await (isFrame ? overWebSocket(text) : overPost(text));
      const answered = performance.now();
      const { lanes: after } = await readSession();
      const from = isFrame ? 'up_websocket' : 'up_post';
      const moved = (name) => after[from][name] - before[from][name];
      const up = moved('bytes_in');
      const down = moved('bytes_out');
      before = after;
      lane.sentUp({ sent: answered - took, answered, up, down, how: isFrame ? 'frame' : 'POST' });
      lines.unshift(element('div', { class: lane.key },
        element('b', {}, `${lane.title}: ${isFrame ? 'one frame' : 'a POST'}`),
        element('span', {}, `${bytes(up)} up, ${bytes(down)} back, round trip ${time(took)}`)));
    }
    result.replaceChildren(...lines);
  }));
}
