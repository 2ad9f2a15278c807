// poller: ask at an interval, print each update once. Run: loadgen learn check poller -- node poller.js
const lab = process.env.LAB_URL;
const interval = Number(process.env.LAB_INTERVAL_MS);

async function poll() {
  // Each poll asks for what comes from now on. What about those that were published between two polls?
  const answer = await fetch(`${lab}/updates/poll`);
  if (answer.status === 200) {
    for (const update of (await answer.json()).updates) console.log(JSON.stringify(update));
  }
}

setInterval(poll, interval);
