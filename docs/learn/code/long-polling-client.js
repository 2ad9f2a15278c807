// Long polling, client: asks again at once. Updates that come in between wait in the server.
const url = process.argv[2];

async function main() {
  let after = 0;
  for (;;) {
    const answer = await fetch(`${url}/updates?after=${after}`);
    for (const update of await answer.json()) {
      console.log(JSON.stringify(update));
      after = update.seq;
    }
  }
}

main();
