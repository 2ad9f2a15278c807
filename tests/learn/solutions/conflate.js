const lab = process.env.LAB_URL;
const show = Number(process.env.LAB_SHOW_MS);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
let newest = null;

async function read() {
  const answer = await fetch(`${lab}/updates/sse`);
  let text = "";
  for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
    const lines = (text + part).split("\n");
    text = lines.pop();
    for (const line of lines) if (line.startsWith("data: ")) newest = line.slice(6);
  }
}

async function main() {
  for (;;) {
    if (newest === null) {
      await sleep(5);
      continue;
    }
    console.log(newest);
    newest = null;
    await sleep(show);
  }
}

read();
main();
