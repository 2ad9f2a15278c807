// conflate: show the newest. Run: loadgen learn check conflate -- node conflate.js
const lab = process.env.LAB_URL;
const show = Number(process.env.LAB_SHOW_MS);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function main() {
  const answer = await fetch(`${lab}/updates/sse`);
  let text = "";
  for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
    const lines = (text + part).split("\n");
    text = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: ")) continue;
      console.log(line.slice(6));
      // Twenty updates come in this time. Where do they wait, and how old are they when they are shown?
      await sleep(show);
    }
  }
}

main();
