const lines = require("node:readline").createInterface({ input: process.stdin });

function frameHeader(length, masked) {
  const mask = masked ? 0x80 : 0;
  if (length < 126) return Buffer.from([0x81, mask | length]);
  const header = Buffer.alloc(length < 65536 ? 4 : 10);
  header[0] = 0x81;
  header[1] = mask | (length < 65536 ? 126 : 127);
  if (length < 65536) header.writeUInt16BE(length, 2);
  else header.writeBigUInt64BE(BigInt(length), 2);
  return header;
}

function frame(data) {
  let length = data[1] & 0x7f;
  let at = 2;
  if (length === 126) [length, at] = [data.readUInt16BE(2), 4];
  else if (length === 127) [length, at] = [Number(data.readBigUInt64BE(2)), 10];
  const masked = data[1] >= 0x80;
  const key = masked ? data.subarray(at, at + 4) : Buffer.alloc(4);
  const payload = Buffer.from(data.subarray(masked ? at + 4 : at)).map((byte, index) => byte ^ key[index % 4]);
  return { final: data[0] >= 0x80, opcode: data[0] & 15, masked, length, payload: payload.toString("hex") };
}

function split(data) {
  const head = data.indexOf("\r\n\r\n") + 4;
  let [at, payload] = [head, 0];
  for (;;) {
    const line = data.indexOf("\r\n", at);
    const size = parseInt(data.toString("latin1", at, line), 16);
    payload += size;
    at = line + 2 + size + 2;
    if (size === 0) return { head, framing: data.length - head - payload, payload };
  }
}

lines.on("line", (line) => {
  const question = JSON.parse(line);
  const data = Buffer.from(question.hex ?? "", "hex");
  const answers = {
    frame_header: () => ({ hex: frameHeader(question.length, question.masked).toString("hex") }),
    chunk: () => ({ hex: Buffer.from(`${question.length.toString(16)}\r\n`).toString("hex") }),
    frame: () => frame(data),
    split: () => split(data),
  };
  console.log(JSON.stringify(answers[question.ask]()));
});
