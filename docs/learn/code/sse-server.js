// Server-Sent Events, server: one answer that never ends, a block of text for each update.
const http = require("node:http");
const updates = [];
const clients = new Set();
const block = (update) => `id: ${update.seq}\ndata: ${JSON.stringify(update)}\n\n`;
setInterval(() => {
  const update = { seq: updates.length + 1 };
  updates.push(update);
  for (const client of clients) client.write(block(update));
}, 100);

const server = http.createServer((request, response) => {
  const after = Number(request.headers["last-event-id"] || 0);
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const update of updates.slice(after)) response.write(block(update));
  response.flushHeaders();
  clients.add(response);
  request.on("close", () => clients.delete(response));
});

server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
