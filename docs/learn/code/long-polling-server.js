// Long polling, server: holds a request until there is something newer than `after`, for at most 20 s.
const http = require("node:http");
const { EventEmitter } = require("node:events");
const updates = [];
const grown = new EventEmitter().setMaxListeners(0);
setInterval(() => {
  updates.push({ seq: updates.length + 1 });
  grown.emit("update");
}, 100);

const server = http.createServer((request, response) => {
  const after = Number(new URL(request.url, "http://lab").searchParams.get("after"));
  const answer = () => {
    clearTimeout(timer);
    grown.off("update", answer);
    response.end(JSON.stringify(updates.slice(after)));
  };
  const timer = setTimeout(answer, 20_000);
  request.on("close", () => clearTimeout(timer));
  if (updates.length > after) answer();
  else grown.on("update", answer);
});

server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
