// Polling, client: asks at an interval for what follows the last update that it has.
const url = process.argv[2];
let after = 0;

async function poll() {
  const answer = await fetch(`${url}/updates?after=${after}`);
  for (const update of await answer.json()) {
    console.log(JSON.stringify(update));
    after = update.seq;
  }
  setTimeout(poll, 250); // setInterval would begin a second poll while a slow one is under way
}

poll();
