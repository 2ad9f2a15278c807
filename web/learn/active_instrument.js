// One instrument at a time: they share the page's room, its session and the browser's few connections.

let current = null;

/** Stops the previous instrument, if there is one. */
export async function activate(instrument) {
  if (current === instrument) return;
  const before = current;
  current = instrument;
  await before?.stop();
}

/** Stops everything when the page is left: the browser may keep the page with its connections. */
export const deactivate = () => activate(null);

export const isActive = (instrument) => current === instrument;

/** Measures how late timers are from now on: on a busy machine, latencies are not reliable. */
export class Lag {
  #late = [];

  constructor() {
    let due = performance.now() + 50;
    this.timer = setInterval(() => {
      this.#late.push(Math.max(0, performance.now() - due));
      due = performance.now() + 50;
    }, 50);
  }

  /** The mean lateness, in milliseconds. */
  end() {
    clearInterval(this.timer);
    return this.#late.reduce((sum, one) => sum + one, 0) / Math.max(1, this.#late.length);
  }
}
