// WebSocket, server: npm's ws handles handshake and frames.
const { WebSocketServer } = require("ws");
const updates = [];

const server = new WebSocketServer({ host: "127.0.0.1", port: 0 }, () => {
  console.log(JSON.stringify({ port: server.address().port }));
});

server.on("connection", (socket, request) => {
  const after = Number(new URL(request.url, "http://lab").searchParams.get("after"));
  for (const update of updates.slice(after)) socket.send(JSON.stringify(update));
});

setInterval(() => {
  const update = { seq: updates.length + 1 };
  updates.push(update);
  for (const client of server.clients) client.send(JSON.stringify(update));
}, 100);
