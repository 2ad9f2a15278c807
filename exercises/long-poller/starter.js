// long-poller: one request is parked at all times. Run: loadgen learn check long-poller -- node long-poller.js
const lab = process.env.LAB_URL;

async function main() {
  for (;;) {
    // The request waits in the lab for an update. What about updates that are published before the next request?
    const answer = await fetch(`${lab}/updates/long-poll?hold=20`);
    if (answer.status === 200) {
      for (const update of (await answer.json()).updates) console.log(JSON.stringify(update));
    }
  }
}

main();
