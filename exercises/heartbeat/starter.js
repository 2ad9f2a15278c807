// heartbeat: notice a dead line. Run: loadgen learn check heartbeat -- node heartbeat.js
const lab = process.env.LAB_URL;
const heartbeat = Number(process.env.LAB_HEARTBEAT_MS);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
let cursor = "earliest";

function take(block) {
  const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s)));
  if (fields.data !== undefined) console.log(fields.data);
  if (fields.id) cursor = fields.id;
}

async function follow() {
  const answer = await fetch(`${lab}/updates/sse?after=${cursor}`);
  let text = "";
  // On a dead line this waits for ever. How long should it wait? fetch takes a signal of an AbortController.
  for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (text + part).split("\n\n");
    text = blocks.pop();
    blocks.forEach(take);
  }
}

async function main() {
  for (;;) {
    await follow().catch(() => {});
    await sleep(100);
  }
}

main();
