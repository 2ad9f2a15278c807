// frames: the bytes that a message costs besides its payload. Run: loadgen learn check frames -- node frames.js
const lines = require("node:readline").createInterface({ input: process.stdin });

// Right for short frames. What about 126 bytes and more, or 65536 and more?
const frameHeader = (length, masked) => Buffer.from([0x81, (masked ? 0x80 : 0) | (length & 0x7f)]);

lines.on("line", (line) => {
  const question = JSON.parse(line);
  let answer = {};
  if (question.ask === "frame_header") answer = { hex: frameHeader(question.length, question.masked).toString("hex") };
  console.log(JSON.stringify(answer));
});
