const lab = process.env.LAB_URL;
const silence = Number(process.env.LAB_SILENCE_MS);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
let cursor = "earliest";

function take(block) {
  const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s)));
  if (fields.event === "gap") console.log(`{"gap":${fields.data}}`);
  else if (fields.data !== undefined) console.log(fields.data);
  if (fields.id) cursor = fields.id;
}

async function follow() {
  const dead = new AbortController();
  const timer = setTimeout(() => dead.abort(), silence);
  try {
    const answer = await fetch(`${lab}/updates/sse?after=${cursor}`, { signal: dead.signal });
    if (answer.status === 503) return sleep(1000 * Number(answer.headers.get("retry-after") ?? 1));
    let text = "";
    for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
      timer.refresh();
      const blocks = (text + part).split("\n\n");
      text = blocks.pop();
      blocks.forEach(take);
    }
  } finally {
    clearTimeout(timer);
  }
}

async function main() {
  for (;;) {
    await follow().catch(() => {});
    await sleep(100);
  }
}

main();
