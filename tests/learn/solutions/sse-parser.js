const lines = require("node:readline").createInterface({ input: process.stdin });

class Parser {
  decoder = new TextDecoder(); // removes the byte order mark, and keeps an incomplete character
  rest = "";
  id = "";
  retry = null;
  events = [];
  event = "";
  data = [];

  push(piece) {
    this.rest += this.decoder.decode(piece, { stream: true });
    // A CR at the end may be the first half of a CRLF: keep it until more arrives.
    for (let found; (found = /\r\n|\n|\r(?!$)/.exec(this.rest)); ) {
      const line = this.rest.slice(0, found.index);
      this.rest = this.rest.slice(found.index + found[0].length);
      this.line(line);
    }
  }

  end() {
    if (this.rest.endsWith("\r")) this.line(this.rest.slice(0, -1));
  }

  line(line) {
    if (line === "") {
      if (this.data.length > 0) {
        this.events.push({ event: this.event || "message", data: this.data.join("\n"), id: this.id });
      }
      [this.event, this.data] = ["", []];
      return;
    }
    const [, name, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line);
    const text = value ?? "";
    if (name === "data") this.data.push(text);
    else if (name === "event") this.event = text;
    else if (name === "id" && !text.includes("\0")) this.id = text;
    else if (name === "retry" && /^[0-9]+$/.test(text)) this.retry = Number(text);
  }
}

lines.on("line", (line) => {
  const parser = new Parser();
  for (const chunk of JSON.parse(line).chunks) parser.push(Buffer.from(chunk, "hex"));
  parser.end();
  console.log(JSON.stringify({ events: parser.events, retry: parser.retry }));
});
