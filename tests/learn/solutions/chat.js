const { WebSocketServer } = require("ws");

const server = new WebSocketServer({ host: "127.0.0.1", port: 0 }, () => {
  console.log(JSON.stringify({ port: server.address().port }));
});

server.on("connection", (socket) => {
  // ws itself closes with 1007; without a listener the error would crash the program.
  socket.on("error", (error) => console.error(error.message));
  socket.on("message", (message, isBinary) => {
    for (const client of server.clients) client.send(message, { binary: isBinary });
  });
});
