// Polling, server: answers at once with what is newer than `after`.
const http = require("node:http");
const updates = [];
setInterval(() => updates.push({ seq: updates.length + 1 }), 100);

const server = http.createServer((request, response) => {
  const after = Number(new URL(request.url, "http://lab").searchParams.get("after"));
  response.end(JSON.stringify(updates.slice(after)));
});

server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
