// One instrument at a time: they share the page's room, its session and the browser's few connections.

let current = null;

/** Stops the instrument before, if there is one. */
export async function take(instrument) {
  if (current === instrument) return;
  const before = current;
  current = instrument;
  await before?.stop();
}

/** Nothing goes on behind a page that is left: a browser may keep it, connections and all. */
export const leave = () => take(null);

export const isOn = (instrument) => current === instrument;

/** How late timers are from now on: a machine that is busy with something else spoils latencies. */
export class Lag {
  #late = [];

  constructor() {
    let due = performance.now() + 50;
    this.timer = setInterval(() => {
      this.#late.push(Math.max(0, performance.now() - due));
      due = performance.now() + 50;
    }, 50);
  }

  /** The mean, in milliseconds. */
  end() {
    clearInterval(this.timer);
    return this.#late.reduce((sum, one) => sum + one, 0) / Math.max(1, this.#late.length);
  }
}
