// A lab in a lesson: a moving picture, a question, a guess before the run, the run, three bars, what the reader saw,
// and then one knob to turn.

import { makeBars } from '../bars.js';
import { element, length, pause, rate as showRate } from '../format.js';
import { isActive, Lag } from './active_instrument.js';
import { kept, keepRun } from './progress.js';
import { Choose } from './choose.js';
import { Crossing } from './crossing.js';
import { Cut } from './cut.js';
import { Idle } from './idle.js';
import { Lanes } from './lanes.js';
import { Lumps } from './lumps.js';
import { Queue } from './queue.js';
import { Slots } from './slots.js';
import { Storm } from './storm.js';
import { Talk } from './talk.js';
import { shown, t } from './words.js';

const INSTRUMENTS = { lanes: Lanes, choose: Choose, crossing: Crossing, cut: Cut, idle: Idle, lumps: Lumps, queue: Queue, slots: Slots,
  storm: Storm, talk: Talk };
/** A guess within the first share of the measured figure is good; within the second its magnitude is right. */
const NEAR = 0.25;
const SAME_ORDER = 0.6;
/** If timers are later than this on average, the machine was busy with something else. */
const BUSY_MS = 12;
const READING_MS = 500;

const KNOB_WORDS = { rate: showRate, poll: length, rtt: length };

export class Lab {
  constructor(section, lab) {
    this.section = section;
    this.lab = lab;
    this.instrument = new INSTRUMENTS[lab.instrument](lab);
    this.build();
    const answered = kept().guesses[lab.id];
    if (answered) this.show(answered.last);
  }

  build() {
    const { lab, section } = this;
    const still = section.querySelector('img')?.closest('p') ?? element('p');
    this.stage = element('div', { class: 'stage' });
    this.watching = element('button', { type: 'button', class: 'watch' }, t('watch'));
    this.watching.addEventListener('click', () => this.watch());
    still.replaceWith(this.stage);
    this.stage.append(still, this.watching);
    this.still = still;
    const middle = lab.min + Math.round((lab.max - lab.min) / 2 / lab.step) * lab.step;
    this.guess = element('input', { type: 'range', id: `guess-${lab.id}`, min: lab.min, max: lab.max, step: lab.step, value: middle });
    const output = element('output', { for: `guess-${lab.id}` });
    const show = () => {
      output.textContent = shown(Number(this.guess.value), lab.unit);
      this.guess.setAttribute('aria-valuetext', output.textContent);
    };
    this.guess.addEventListener('input', show);
    show();
    this.form = element('form', { class: 'guess' }, element('label', { for: `guess-${lab.id}` }, t('guess')), this.guess, output,
      element('button', { class: 'strong' }, t('commit')));
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.run(Number(this.guess.value));
    });
    this.result = element('div', { class: 'result', role: 'status' });
    // The question and the guess are on the first screen together with the picture, however tall that is.
    this.stage.before(section.querySelector('blockquote'), this.form, this.result);
    this.recorded = section.querySelector('details.recorded');
  }

  /** The moving picture before the guess. */
  async watch() {
    if (this.isRunning) return;
    this.watching.remove();
    try {
      this.live();
      await this.instrument.watch();
    } catch (error) {
      this.fail(error);
    }
  }

  live() {
    if (!this.instrument.node.isConnected) this.stage.replaceChildren(this.instrument.node);
  }

  async run(guess) {
    if (this.isRunning) return;
    this.isRunning = true;
    this.section.dataset.state = 'running';
    this.watching.remove();
    this.form.hidden = true;
    const progress = element('progress', { max: 1, value: 0, 'aria-label': t('running') });
    this.result.replaceChildren(element('p', {}, `${t('yours')}: ${shown(guess, this.lab.unit)}. ${t('running')}`), progress);
    const lag = new Lag();
    try {
      this.live();
      const run = await this.instrument.run({ guess, progress: (share) => { progress.value = share; } });
      if (!Number.isFinite(run.measured)) throw new Error('NaN');
      const answer = { ...run, guess, unit: this.lab.unit, busyMs: lag.end() };
      keepRun(this.lab.id, this.lab.lesson, answer);
      this.show(answer);
      document.dispatchEvent(new CustomEvent('progress'));
    } catch (error) {
      this.fail(error);
      this.form.hidden = false;
    } finally {
      lag.end();
      this.isRunning = false;
    }
  }

  fail(error) {
    this.section.dataset.state = 'failed';
    this.result.replaceChildren(element('p', { class: 'bad' }, `${t('failed')}: ${error.message}`));
    throw error;
  }

  show(answer) {
    const { lab } = this;
    const { guess, measured, theory, rows, details, busyMs } = answer;
    const sentence = t(`result_${lab.id}`, details);
    const bars = makeBars([[t('yours'), guess, 'guessed'], [t('measured'), measured, 'measured'], [t('theory'), theory, 'theory'],
      ...rows.map(([label, value, name]) => [label, value, `${name} other`])], (value) => shown(value, lab.unit));
    const off = Math.abs(guess - measured) / Math.max(Math.abs(measured), 1e-9);
    const praise = t(off <= NEAR ? 'near' : off < SAME_ORDER ? 'order' : 'far');
    const isBusy = busyMs > BUSY_MS;
    const again = element('button', { type: 'button', class: 'again' }, t('again'));
    again.addEventListener('click', () => this.run(guess));
    this.form.hidden = true;
    this.section.dataset.state = 'answered';
    this.section.dataset.busy = String(isBusy);
    this.result.replaceChildren(bars, element('p', { class: 'said' }, element('b', {}, `${praise} `), sentence,
      isBusy ? ` ${t('busy')}` : ''), element('div', { class: 'after' }, again, ...this.knob()));
    if (this.recorded) this.recorded.open = true;
  }

  /** One knob, after the guess. */
  knob() {
    const { lab } = this;
    if (!lab.knob) return [];
    const { name, steps } = lab.knob;
    const words = KNOB_WORDS[name] ?? ((value) => this.instrument.knobWords(value));
    const start = Math.max(0, steps.indexOf(lab.knob.start ?? lab.settings?.[name]));
    const input = element('input', { type: 'range', id: `knob-${lab.id}`, min: 0, max: steps.length - 1, step: 1, value: start });
    const output = element('output', { for: `knob-${lab.id}` }, words(steps[start]));
    const reading = element('span', { class: 'reading', role: 'status' });
    input.addEventListener('input', () => {
      const value = steps[Number(input.value)];
      output.textContent = words(value);
      input.setAttribute('aria-valuetext', output.textContent);
      clearTimeout(this.turning);
      this.turning = setTimeout(() => this.play(value, reading), 250);
    });
    return [element('div', { class: 'knob' }, element('label', { for: `knob-${lab.id}` }, `${t('knob')}: ${t(lab.knob.label ?? name)}`),
      input, output, reading)];
  }

  async play(value, reading) {
    this.turned = (this.turned ?? 0) + 1;
    const { turned } = this;
    try {
      this.live();
      reading.textContent = t('reading_waits');
      await this.instrument.play(value, (text) => { if (turned === this.turned) reading.textContent = text; });
      while (turned === this.turned && isActive(this.instrument) && !this.isRunning) {
        await pause(READING_MS);
        const { measured, theory, unit = this.lab.unit } = this.instrument.read();
        if (Number.isFinite(measured) && Number.isFinite(theory)) {
          reading.textContent = t('reading', { measured: shown(measured, unit), theory: shown(theory, unit) });
        }
      }
    } catch (error) {
      reading.textContent = `${t('failed')}: ${error.message}`;
    }
  }
}
