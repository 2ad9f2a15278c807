// Server-Sent Events, client. In a browser `new EventSource(url)` does all of this; node has none.
const url = process.argv[2];
let last = "";

async function follow() {
  const answer = await fetch(`${url}/updates`, { headers: { "last-event-id": last } });
  let text = "";
  for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (text + part).split("\n\n"); // an empty line ends a block
    text = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s)));
      last = fields.id ?? last;
      if (fields.data) console.log(fields.data);
    }
  }
}

const again = () => setTimeout(main, 1000);
const main = () => follow().then(again, again);
main();
