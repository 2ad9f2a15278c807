// WebSocket, client. Reconnecting is its own code, and `after` says where to go on.
const { WebSocket } = require("ws"); // a browser has its own
const url = process.argv[2].replace("http", "ws");
let after = 0;

function follow() {
  const socket = new WebSocket(`${url}/updates?after=${after}`);
  socket.on("message", (message) => {
    const update = JSON.parse(message);
    console.log(JSON.stringify(update));
    after = update.seq;
  });
  socket.on("error", () => {}); // "close" follows
  socket.on("close", () => setTimeout(follow, 1000));
}

follow();
