// npm `ws`: does not reconnect by itself, so this script reopens it after the last update received.
// Arguments: the server's address, the number of updates to wait for. Prints each update's number.
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

const require = createRequire(`${process.env.TEST_CLIENTS}/package.json`);
const { WebSocket } = require("ws");
const [address, wanted] = [process.argv[2].replace("http:", "ws:"), Number(process.argv[3])];
console.error(`ws ${require("ws/package.json").version}, node ${process.version}`);

let [count, cursor] = [0, null];

function take(text, socket) {
  const frame = JSON.parse(text);
  if (frame.gap) console.log(`gap ${JSON.stringify(frame.gap)}`);
  if (frame.cursor) {
    cursor = frame.cursor;
  } else {
    cursor = `${cursor.split("-")[0]}-${frame.seq}`;
    console.log(frame.data.n);
    count += 1;
    if (count === wanted) socket.close(1000);
  }
}

while (count < wanted) {
  const socket = new WebSocket(`${address}/updates/ws${cursor ? `?after=${cursor}` : ""}`);
  socket.on("message", (data) => take(data.toString(), socket));
  // A cut connection emits an error and then a close; only the close matters.
  socket.on("error", () => {});
  await new Promise((ended) => socket.on("close", ended));
  await sleep(20);
}
