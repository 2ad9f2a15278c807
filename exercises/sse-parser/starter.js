// sse-parser: bytes in, events out. Run: loadgen learn check sse-parser -- node sse-parser.js
const lines = require("node:readline").createInterface({ input: process.stdin });

lines.on("line", (line) => {
  const events = [];
  // What if a line ends with CR LF? If there is an id? If a piece ends in the middle of a character?
  const text = JSON.parse(line).chunks.map((chunk) => Buffer.from(chunk, "hex").toString()).join("");
  for (const block of text.split("\n\n")) {
    if (block.startsWith("data: ")) events.push({ event: "message", data: block.slice(6), id: "" });
  }
  console.log(JSON.stringify({ events, retry: null }));
});
