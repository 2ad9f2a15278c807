// resume: print every update, whatever happens to the line. Run: loadgen learn check resume -- node resume.js
const lab = process.env.LAB_URL;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function follow() {
  const answer = await fetch(`${lab}/updates/sse`);
  let text = "";
  for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
    text += part;
    const lines = text.split("\n");
    text = lines.pop();
    // An update is a line `data: {"seq":…}`. What else in a block do you need after a cut?
    for (const line of lines) if (line.startsWith("data: ")) console.log(line.slice(6));
  }
}

async function main() {
  for (;;) {
    await follow().catch(() => {});
    await sleep(100);
  }
}

main();
