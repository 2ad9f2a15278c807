const lab = process.env.LAB_URL;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function main() {
  let cursor = "earliest";
  for (;;) {
    try {
      const answer = await fetch(`${lab}/updates/long-poll?hold=20&after=${cursor}`);
      if (answer.status === 200) {
        const batch = await answer.json();
        for (const update of batch.updates) console.log(JSON.stringify(update));
        cursor = batch.cursor;
      } else if (answer.status === 503) {
        await sleep(1000 * Number(answer.headers.get("retry-after") ?? 1));
      } else {
        await sleep(100);
      }
    } catch (error) {
      await sleep(100);
    }
  }
}

main();
