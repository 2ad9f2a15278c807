// Socket.IO 4 with its defaults: the body of a POST to /publish is emitted to all clients as `update`.
const { createServer } = require("node:http");
const { Server } = require("socket.io");

const server = createServer((request, response) => {
  if (request.method !== "POST" || request.url !== "/publish") return response.writeHead(404).end();
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    io.emit("update", JSON.parse(Buffer.concat(parts).toString()));
    response.writeHead(204).end();
  });
});
const io = new Server(server);

server.listen({ host: "127.0.0.1", port: Number(process.env.PORT), backlog: 4096 });
