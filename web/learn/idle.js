// A proxy that cuts silent connections, a proxy that does not support WebSocket, and a hidden tab.

import { session, withRoom } from '../api.js';
import { element, pause, seconds } from '../format.js';
import { isActive, activate } from './active_instrument.js';
import { setMiddlebox } from './lanes.js';
import { t } from './words.js';

/** How long a connection is watched if it is not cut. */
const FOLLOWED_MS = 12_000;
const HIDDEN_POLL_MS = 200;

const address = (more = {}) => {
  const scheme = window.location.protocol === 'https:' ? 'wss:' : 'ws:';
  return `${scheme}//${window.location.host}${withRoom('/talk/ws', { session, ...more })}`;
};

export class Idle {
  constructor(lab) {
    this.lab = lab;
    this.bar = element('div', { class: 'life', role: 'img', 'aria-label': t('heartbeat') });
    this.status = element('p', { class: 'told', role: 'status' });
    const upgrade = element('button', { type: 'button' }, t('no_upgrade'));
    upgrade.addEventListener('click', () => this.withoutUpgrade());
    this.hidden = element('p', { class: 'told' }, t('hidden'));
    this.node = element('div', { class: 'idle' }, this.bar, this.status, element('div', { class: 'after' }, upgrade), this.hidden);
    this.watchHiding();
  }

  async watch() {
    await this.live(0);
  }

  /** Opens a connection through the proxy, with or without heartbeats; returns how long it lived, null if it still does. */
  async live(beatMs) {
    await activate(this);
    this.end();
    await setMiddlebox({ idle_s: this.lab.idle_s });
    const socket = new WebSocket(address());
    this.socket = socket;
    await new Promise((done, fail) => {
      socket.onopen = done;
      socket.onerror = () => fail(new Error('WebSocket'));
    });
    const began = performance.now();
    const fill = element('i');
    this.bar.replaceChildren(fill);
    const at = (ms) => `${Math.min(100, (ms / FOLLOWED_MS) * 100)}%`;
    let beat = 1;
    return new Promise((done) => {
      const step = () => {
        const lived = performance.now() - began;
        fill.style.width = at(lived);
        if (beatMs > 0 && lived >= beat * beatMs && socket.readyState === WebSocket.OPEN) {
          socket.send('beat');
          const mark = element('b', {}, '');
          mark.style.left = at(lived);
          this.bar.append(mark);
          beat += 1;
        }
        this.status.textContent = t('lives', { lived: seconds(lived) });
        if (lived > FOLLOWED_MS) {
          this.end();
          done(null);
        }
      };
      this.timer = setInterval(step, 50);
      socket.onclose = () => {
        clearInterval(this.timer);
        if (this.socket !== socket) return;
        const lived = performance.now() - began;
        this.status.textContent = t('cut_after', { lived: seconds(lived) });
        fill.classList.add('cut');
        done(lived);
      };
    });
  }

  end() {
    clearInterval(this.timer);
    const { socket } = this;
    this.socket = null;
    socket?.close();
  }

  async run({ progress }) {
    const timer = setInterval(() => progress(0.5), 200);
    try {
      const lived = await this.live(0);
      const theory = this.lab.idle_s * 1000;
      return { measured: lived ?? NaN, theory, rows: [], details: { lived: seconds(lived ?? NaN) } };
    } finally {
      clearInterval(timer);
    }
  }

  read() {
    return { measured: NaN, theory: NaN };
  }

  async play(beatMs, say) {
    say('');
    await this.live(beatMs);
  }

  knobWords(beatMs) {
    return beatMs === 0 ? t('none') : seconds(beatMs);
  }

  /** The same request through a proxy that removes `Upgrade`. */
  async withoutUpgrade() {
    await activate(this);
    this.end();
    await setMiddlebox({ no_upgrade: true });
    const socket = new WebSocket(address());
    const { code } = await new Promise((done) => { socket.onclose = done; });
    const { status } = await fetch(withRoom('/updates/long-poll', { session, hold: 0 }), { cache: 'no-store' });
    this.status.textContent = t('upgrade_refused', { code, status: `HTTP ${status}` });
    await setMiddlebox({});
  }

  /** Counts the polls of a hidden tab. */
  watchHiding() {
    let hiddenAt = null;
    let polls = 0;
    document.addEventListener('visibilitychange', async () => {
      if (!isActive(this)) return;
      if (document.hidden) {
        hiddenAt = performance.now();
        polls = 0;
        while (document.hidden && isActive(this)) {
          await fetch(withRoom('/updates/poll'), { cache: 'no-store' }).catch(() => {});
          polls += 1;
          await pause(HIDDEN_POLL_MS);
        }
      } else if (hiddenAt !== null) {
        const away = performance.now() - hiddenAt;
        hiddenAt = null;
        this.hidden.textContent = t('hidden_seen', { seconds: Math.round(away / 1000), polls, planned: Math.round(away / HIDDEN_POLL_MS) });
      }
    });
  }

  async stop() {
    this.end();
    await setMiddlebox({}).catch(() => {});
  }
}
