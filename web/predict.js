// Predict, then see: a question, a guess, a run with the settings of the question, and the measured figure beside the
// guess and the theory.

import { element, percent, plain, time } from './format.js';
import { split } from './figures.js';
import { frameBytes } from './lane.js';

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const lateness = (page, key) => page.lane(key).latencies;

/**
 * Bytes of one update by long polling and by WebSocket, worked out from the formats (see the contract on the wire). The
 * two heads are those of this browser and this server, as the lane has seen them.
 */
function exchangeBytes(page, payload) {
  const { newest, now_ns: now, segment_header_bytes: segment } = page.status;
  const lane = page.lane('long_polling');
  const head = lane.exchanges.findLast((one) => one.outcome === 'some')?.head ?? 0;
  const update = `{"seq":${newest.split('-')[1]},"at_ns":${now},"data":}`.length + payload;
  const envelope = `{"cursor":"${newest}","updates":[]}`.length;
  // A request and its answer are a segment each; the request acknowledges the answer before it, the server at most once
  // the request by itself: three segments. A frame is one, and is acknowledged by one.
  const longPoll = lane.bytesOfRequest + head + envelope + update + 3 * segment;
  const webSocket = frameBytes(update) + 2 * segment;
  return { longPoll, webSocket };
}

const QUESTIONS = [
  {
    ask: 'An update arrives every 2 seconds, and you poll every half second. What share of your requests comes back empty?',
    settings: { feed: 'steady', rate: 0.5, payload: 128, poll: 500, hold: 25, rtt: 0 },
    seconds: 13, min: 0, max: 100, step: 1, unit: ' %',
    show: (value) => percent(value / 100),
    measure: (page) => {
      const { empty, requests } = page.counted('polling');
      return (empty / requests) * 100;
    },
    theory: () => 75,
    why: 'Each update makes one poll useful; with four polls for each update, three in four are empty: 1 − 0.5 · 0.5. ' +
      'Long polling asked once per update, SSE and WebSocket once at all.',
  },
  {
    ask: 'You poll every 2 seconds. How late is an update on average when you get it?',
    settings: { feed: 'poisson', rate: 10, payload: 128, poll: 2000, hold: 25, rtt: 0 },
    seconds: 13, min: 0, max: 4000, step: 50, unit: ' ms',
    show: time,
    measure: (page) => mean(lateness(page, 'polling')),
    theory: () => 1000,
    why: 'An update falls anywhere in the interval, so it waits half of it: T/2. The other three lanes had it within ' +
      'milliseconds.',
  },
  {
    ask: 'The round trip takes 400 ms longer. By how much is an update on the WebSocket late?',
    settings: { feed: 'steady', rate: 5, payload: 128, poll: 1000, hold: 25, rtt: 400 },
    seconds: 8, min: 0, max: 1000, step: 10, unit: ' ms',
    show: time,
    measure: (page) => mean(lateness(page, 'websocket')),
    theory: () => 200,
    why: 'Nobody asks for it: the update travels one way only, half a round trip. This is the least that physics allows, ' +
      'and SSE is the same.',
  },
  {
    ask: 'Same long way (400 ms), but 20 updates a second. How late is the average update by long polling?',
    settings: { feed: 'steady', rate: 20, payload: 128, poll: 1000, hold: 25, rtt: 400 },
    seconds: 8, min: 0, max: 1600, step: 20, unit: ' ms',
    show: time,
    measure: (page) => mean(lateness(page, 'long_polling')),
    theory: () => 400,
    why: 'While an answer and the next request are under way, nothing is parked: an update waits 200 ms on average for ' +
      'the next request and then travels 200 ms. RFC 6202, section 2.2, puts the worst case at three one-way trips.',
  },
  {
    ask: 'Each update carries 100 B of data. On the wire, how many times the bytes of a WebSocket does long polling take?',
    settings: { feed: 'steady', rate: 5, payload: 100, poll: 1000, hold: 25, rtt: 0 },
    seconds: 8, min: 1, max: 20, step: 0.5, unit: ' times',
    show: (value) => `${plain(value)} times`,
    measure: (page) => {
      const per = (key) => {
        const counts = page.counted(key);
        const { payload, framing, tcp } = split(counts, page.status.segment_header_bytes);
        return (payload + framing + tcp) / counts.updates;
      };
      return per('long_polling') / per('websocket');
    },
    theory: (page) => {
      const { longPoll, webSocket } = exchangeBytes(page, 100);
      return longPoll / webSocket;
    },
    why: 'Each long poll sends your browser’s whole request head again and gets a response head back. A WebSocket puts ' +
      '2 to 4 B of frame header around the update. TCP/IP headers weigh on both.',
  },
];

export function makePredict(page, controls) {
  const root = document.getElementById('predict');
  let before = null;
  let isRunning = false;

  function question(index) {
    const one = QUESTIONS[index];
    const guess = element('input', { type: 'range', id: 'guess', min: one.min, max: one.max, step: one.step,
      value: one.min + Math.round((one.max - one.min) / 2 / one.step) * one.step });
    const shown = element('output', { for: 'guess' });
    const show = () => {
      shown.textContent = one.show(Number(guess.value));
      guess.setAttribute('aria-valuetext', shown.textContent);
    };
    guess.addEventListener('input', show);
    show();
    const commit = element('button', { class: 'strong', id: 'commit' }, 'That is my guess: run it');
    const result = element('div', { class: 'result', role: 'status', id: 'prediction' });
    const form = element('form', { class: 'line guess' },
      element('label', { for: 'guess' }, 'Your guess'), guess, shown, commit);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (!isRunning) run(one, Number(guess.value), result, [guess, commit]);
    });
    const steps = element('div', { class: 'steps', role: 'group', 'aria-label': 'Questions' },
      ...QUESTIONS.map((_, number) => {
        const step = element('button', { 'aria-label': `Question ${number + 1} of ${QUESTIONS.length}`,
          'aria-current': number === index ? 'step' : false }, String(number + 1));
        step.addEventListener('click', () => { if (!isRunning) question(number); });
        return step;
      }));
    const restore = element('button', { id: 'restore', hidden: before === null }, 'Back to my settings');
    restore.addEventListener('click', () => {
      if (before && !isRunning) controls.change(before);
      before = null;
      restore.hidden = true;
    });
    root.replaceChildren(
      element('div', { class: 'question' }, steps, element('p', { class: 'ask' }, one.ask), restore), form, result);
  }

  async function run(one, guess, result, inputs) {
    isRunning = true;
    for (const input of inputs) input.disabled = true;
    const { feed, rate, payload, poll, hold, rtt } = page.settings;
    before ??= { feed, rate, payload, poll, hold, rtt };
    const progress = element('progress', { max: one.seconds, value: 0, 'aria-label': 'The run' });
    result.replaceChildren(element('p', {}, 'Watch the lanes: running with the settings of the question. '), progress);
    try {
      await controls.change({ ...one.settings });
      // What was under way with the settings before is let arrive, then counting begins.
      await pause(1200 + one.settings.rtt * 2);
      await page.countFromZero();
      for (let second = 0; second < one.seconds; second += 0.25) {
        await pause(250);
        progress.value = second;
      }
      await page.readStatus();
      verdict(one, guess, one.measure(page), one.theory(page), result);
    } catch (error) {
      result.replaceChildren(element('p', {}, `The run could not be done: ${error.message}`));
    } finally {
      isRunning = false;
      for (const input of inputs) input.disabled = false;
      document.getElementById('restore').hidden = false;
    }
  }

  question(0);
}

/** Three bars on one scale, and what they mean. */
function verdict(one, guess, measured, theory, result) {
  if (!Number.isFinite(measured)) {
    result.replaceChildren(element('p', {}, 'Nothing arrived in that time; is the feed paused, or the lane cut?'));
    return;
  }
  const most = Math.max(guess, measured, theory, 1e-9);
  const rows = [['your guess', guess, 'guessed'], ['measured', measured, 'measured'], ['theory', theory, 'theory']];
  const bars = element('div', { class: 'bars' }, ...rows.map(([label, value, name]) => {
    const fill = element('i', { class: name });
    fill.style.width = `${Math.max(0.5, (value / most) * 100)}%`;
    return element('div', {}, element('span', {}, label), element('div', { class: 'track' }, fill),
      element('b', { 'data-value': value }, one.show(value)));
  }));
  const off = Math.abs(guess - measured) / Math.max(Math.abs(measured), 1e-9);
  const praise = off < 0.15 ? 'Well guessed.' : off < 0.6 ? 'The right order.' : 'Surprised?';
  result.replaceChildren(bars, element('p', {}, element('b', {}, `${praise} `), one.why));
}

const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });
