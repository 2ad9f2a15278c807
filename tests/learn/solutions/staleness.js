const lines = require("node:readline").createInterface({ input: process.stdin });

function figures(trace, end) {
  const arrivals = trace.map(([due, at], number) => ({ number, due, at })).filter(({ at }) => at !== null);
  const late = arrivals.map(({ due, at }) => at - due).sort((a, b) => a - b);
  const rank = (share) => late[Math.ceil(share * late.length) - 1];
  // The events, in order: an update is due (it exists), or it arrives (the client has it).
  const events = trace.map(([at], number) => ({ at, number, what: "due" }));
  events.push(...arrivals.map(({ at, number }) => ({ at, number, what: "held" })));
  events.sort((a, b) => a.at - b.at);
  const begin = Math.min(...arrivals.map(({ at }) => at));
  let [exists, held, area, stale, before] = [-1, -1, 0, 0, begin];
  for (const event of [...events, { at: end, what: "end" }]) {
    const at = Math.min(event.at, end);
    if (at > before) {
      const [age, length] = [before - trace[held][0], at - before];
      area += length * (age + length / 2);
      if (exists > held) stale += length;
      before = at;
    }
    if (event.what === "due") exists = Math.max(exists, event.number);
    if (event.what === "held") held = Math.max(held, event.number);
  }
  const length = end - begin;
  return { p50_ms: rank(0.5), p99_ms: rank(0.99), mean_age_ms: area / length, stale_share: stale / length };
}

lines.on("line", (line) => {
  const { trace, end } = JSON.parse(line);
  console.log(JSON.stringify(figures(trace, end)));
});
