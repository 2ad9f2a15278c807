// Age of Information: now minus when the newest update held was due, averaged over time (Kaul, Yates, Gruteser 2012).

/** The mean age of what a lane held, from its first arrival after `from` to its last; null if there are too few. */
export function ageOf(lane, from) {
  const taken = lane.deliveries.filter((one) => one.arrived >= from);
  let area = 0;
  let length = 0;
  let newest = null;
  for (let index = 0; index + 1 < taken.length; index += 1) {
    newest = newest === null ? taken[index].due : Math.max(newest, taken[index].due);
    const [begin, end] = [taken[index].arrived - newest, taken[index + 1].arrived - newest];
    area += ((begin + end) / 2) * (end - begin);
    length += end - begin;
  }
  return length > 0 ? area / length : null;
}
