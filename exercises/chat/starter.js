// chat: pass each message on to all clients. Run: npm install ws, then loadgen learn check chat -- node chat.js
const { WebSocketServer } = require("ws");

const server = new WebSocketServer({ host: "127.0.0.1", port: 0 }, () => {
  console.log(JSON.stringify({ port: server.address().port }));
});

server.on("connection", (socket) => {
  // Who else is connected? See `server.clients`.
  socket.on("message", (message) => socket.send(message.toString()));
});
