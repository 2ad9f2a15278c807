// npm `eventsource`: reconnects and resumes by itself, as WHATWG HTML requires of every EventSource.
//
// Its parser ignores the id of a block without data, which WHATWG HTML says it should keep ("Interpreting an event
// stream"), so it does not learn its position from the first block. It is given a position in the address instead.
// Arguments: the server's address, the number of updates to wait for. Prints each update's number.
import { createRequire } from "node:module";

const require = createRequire(`${process.env.TEST_CLIENTS}/package.json`);
const { EventSource } = require("eventsource");
const [address, wanted] = [process.argv[2], Number(process.argv[3])];
console.error(`eventsource ${require("eventsource/package.json").version}, node ${process.version}`);

let count = 0;
const { cursor } = await (await fetch(`${address}/updates/poll`)).json();
const source = new EventSource(`${address}/updates/sse?after=${cursor}`);
source.addEventListener("message", (event) => {
  console.log(JSON.parse(event.data).data.n);
  count += 1;
  if (count === wanted) source.close();
});
source.addEventListener("gap", (event) => console.log(`gap ${event.data}`));
source.addEventListener("error", (event) => {
  if (source.readyState === EventSource.CLOSED && count < wanted) {
    console.log(`gave up: ${event.code} ${event.message}`);
    process.exit(1);
  }
});
