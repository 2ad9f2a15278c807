const lab = process.env.LAB_URL;
const interval = Number(process.env.LAB_INTERVAL_MS);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function main() {
  let cursor = "earliest";
  let due = performance.now();
  for (;;) {
    const answer = await fetch(`${lab}/updates/poll?after=${cursor}`);
    if (answer.status === 200) {
      const batch = await answer.json();
      for (const update of batch.updates) console.log(JSON.stringify(update));
      cursor = batch.cursor;
    } else if (answer.status === 503) {
      await sleep(1000 * Number(answer.headers.get("retry-after") ?? 1));
    }
    due = Math.max(due + interval, performance.now());
    await sleep(due - performance.now());
  }
}

main();
