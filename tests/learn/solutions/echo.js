const { WebSocketServer } = require("ws");

const server = new WebSocketServer({ host: "127.0.0.1", port: 0 }, () => {
  console.log(JSON.stringify({ port: server.address().port }));
});

function answer(text) {
  try {
    const { numbers } = JSON.parse(text);
    return JSON.stringify({ sum: numbers.reduce((sum, number) => sum + number, 0) });
  } catch {
    return "Nice to meet you!";
  }
}

server.on("connection", (socket) => {
  // ws itself closes with 1002 or 1007; without a listener the error would crash the program.
  socket.on("error", (error) => console.error(error.message));
  socket.on("message", (message, isBinary) => {
    socket.send(isBinary ? message : answer(message.toString()));
  });
});
