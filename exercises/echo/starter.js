// echo: the server that the lessons started from. Run: npm install ws, then loadgen learn check echo -- node echo.js
const { WebSocketServer } = require("ws");

const server = new WebSocketServer({ host: "127.0.0.1", port: 0 }, () => {
  console.log(JSON.stringify({ port: server.address().port }));
});

server.on("connection", (socket) => {
  // What if the message is JSON, or binary? ws passes a second argument.
  socket.on("message", (message) => {
    console.error("received: " + message);
    socket.send("Nice to meet you!");
  });
});
