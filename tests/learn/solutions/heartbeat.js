const lab = process.env.LAB_URL;
const silence = 2 * Number(process.env.LAB_HEARTBEAT_MS);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
let cursor = "earliest";

function take(block) {
  const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s)));
  if (fields.data !== undefined) console.log(fields.data);
  if (fields.id) cursor = fields.id;
}

// Follows the stream to its end; returns false if it was silent from the start.
async function stream() {
  let something = false;
  const dead = new AbortController();
  const timer = setTimeout(() => dead.abort(), silence);
  try {
    const answer = await fetch(`${lab}/updates/sse?after=${cursor}`, { signal: dead.signal });
    let text = "";
    for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
      something = true;
      timer.refresh();
      const blocks = (text + part).split("\n\n");
      text = blocks.pop();
      blocks.forEach(take);
    }
  } catch {
    // A cut connection does not count as silence.
  } finally {
    clearTimeout(timer);
  }
  return something || !dead.signal.aborted;
}

async function longPoll() {
  const answer = await fetch(`${lab}/updates/long-poll?hold=20&after=${cursor}`);
  if (answer.status !== 200) return;
  const batch = await answer.json();
  for (const update of batch.updates) console.log(JSON.stringify(update));
  cursor = batch.cursor;
}

async function main() {
  while (await stream()) await sleep(100);
  for (;;) {
    await longPoll().catch(() => {});
    await sleep(100);
  }
}

main();
