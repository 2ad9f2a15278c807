// Predict, then see: a question, a guess, a run with the question's settings, and the measured value next to the guess
// and the theory. It runs in the page's own room, so it affects no other page and needs no token.

import { MAIN, room } from './api.js';
import { download, remember, remembered, RIGHT_WITHIN, score } from './answers.js';
import { makeBars } from './bars.js';
import { isShared, split } from './figures.js';
import { element, mean, pause, percent, plain, time } from './format.js';
import { frameBytes } from './lane.js';

const lateness = (page, key) => page.lane(key).latencies;
/** The key under which the settings before the first question are stored, so that they survive a reload. */
const BEFORE_KEY = 'pushpull-before';
/** If updates over SSE are later than their transit explains by more than this, the machine was busy otherwise. */
const BUSY_MS = 12;

/**
 * Bytes of one update over long polling and over WebSocket, computed from the formats of the contract. The sizes of the
 * request and response heads are those that the lane has measured.
 */
function exchangeBytes(page, payload) {
  const { newest, now_us: now, segment_header_bytes: segment } = page.status;
  const lane = page.lane('long_polling');
  const head = lane.exchanges.findLast((one) => one.outcome === 'some')?.head ?? 0;
  const update = `{"seq":${newest.split('-')[1]},"at_us":${now},"data":}`.length + payload;
  const envelope = `{"cursor":"${newest}","updates":[]}`.length;
  // A request and its answer are one segment each. The request acknowledges the previous answer, and the server may
  // acknowledge the request separately: three segments. A frame is one segment, and its acknowledgement another.
  const longPoll = lane.bytesOfRequest + head + envelope + update + 3 * segment;
  const webSocket = frameBytes(update) + 2 * segment;
  return { longPoll, webSocket };
}

const QUESTIONS = [
  {
    ask: 'An update arrives every 2 seconds, and you poll every half second. What share of your requests comes back empty?',
    settings: { view: 'window', window: 5, feed: 'steady', rate: 0.5, payload: 128, poll: 500, hold: 25, rtt: 0 },
    seconds: 10, min: 0, max: 100, step: 1, unit: ' %',
    show: (value) => percent(value / 100),
    measure: (page) => {
      const { empty, requests } = page.counted('polling');
      return (empty / requests) * 100;
    },
    theory: () => 75,
    why: 'Each update makes one poll useful; with four polls for each update, three in four are empty: 1 − 0.5 · 0.5. ' +
      'Long polling asked once for each update; SSE and WebSocket asked once in all.',
  },
  {
    ask: 'You poll every 2 seconds. How late is an update on average when you get it?',
    settings: { view: 'window', window: 5, feed: 'steady', rate: 20, payload: 128, poll: 2000, hold: 25, rtt: 0 },
    seconds: 10, min: 0, max: 4000, step: 50, unit: ' ms',
    show: time,
    measure: (page) => mean(lateness(page, 'polling')),
    theory: () => 1000,
    why: 'An update falls anywhere in the interval, so it waits half of it: T/2. The other three lanes had it within ' +
      'milliseconds.',
  },
  {
    ask: 'The round trip takes 400 ms longer. How late is an update on the WebSocket?',
    settings: { view: 'window', window: 5, feed: 'steady', rate: 5, payload: 128, poll: 1000, hold: 25, rtt: 400 },
    seconds: 6, min: 0, max: 1000, step: 10, unit: ' ms',
    show: time,
    measure: (page) => mean(lateness(page, 'websocket')),
    theory: () => 200,
    why: 'It needs no request: the update travels one way only, half a round trip. No transport can be faster, ' +
      'and SSE is the same.',
  },
  {
    ask: 'The same round trip (400 ms), but 20 updates a second. How late is the average update with long polling?',
    settings: { view: 'window', window: 5, feed: 'steady', rate: 20, payload: 128, poll: 1000, hold: 25, rtt: 400 },
    seconds: 6, min: 0, max: 1600, step: 20, unit: ' ms',
    show: time,
    measure: (page) => mean(lateness(page, 'long_polling')),
    theory: () => 400,
    why: 'While an answer and the next request are in flight, nothing is parked: an update waits 200 ms on average ' +
      'for the next request and then travels 200 ms. RFC 6202, section 2.2, puts the worst case at three one-way trips.',
  },
  {
    ask: 'Each update has 100 B of data. How many times as many bytes on the wire as a WebSocket does long polling take?',
    settings: { view: 'window', window: 5, feed: 'steady', rate: 5, payload: 100, poll: 1000, hold: 25, rtt: 0 },
    seconds: 6, min: 1, max: 20, step: 0.5, unit: ' times', isOfBytes: true,
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
    why: 'Each long poll sends your browser’s whole request head again and gets a response head back. A WebSocket ' +
      'adds 2 to 4 B of frame header to the update. Both have TCP/IP headers as well.',
  },
];

export function makePredict(page, settings) {
  const root = document.getElementById('predict');
  let isRunning = false;

  function question(index) {
    const one = QUESTIONS[index];
    const answered = remembered()[index + 1];
    const guess = element('input', { type: 'range', id: 'guess', min: one.min, max: one.max, step: one.step,
      value: answered?.guess ?? one.min + Math.round((one.max - one.min) / 2 / one.step) * one.step });
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
      if (!isRunning) run(index, Number(guess.value), form, result);
    });
    const steps = element('div', { class: 'steps', role: 'group', 'aria-label': 'Questions' },
      ...QUESTIONS.map((_, number) => {
        const step = element('button', { 'aria-label': `Question ${number + 1} of ${QUESTIONS.length}`,
          'aria-current': number === index ? 'step' : false }, String(number + 1));
        step.addEventListener('click', () => { if (!isRunning) question(number); });
        return step;
      }));
    root.replaceChildren(element('div', { class: 'question' }, steps, element('p', { class: 'ask' }, one.ask)),
      form, result, element('div', { class: 'line ends' }, ...ends()));
    if (room === MAIN) {
      form.hidden = true;
      result.append(element('p', {}, 'This page shows the main stream, which all pages share: a question would change it for ' +
        'everyone. Open this server’s address without “room=main” to answer it in your own room.'));
    } else if (one.isOfBytes && isShared()) {
      form.hidden = true;
      result.append(element('p', {}, 'Over HTTP/2 the lanes share one connection, so their bytes cannot be counted ' +
        'separately: answer this question at a server without TLS.'));
    } else if (answered) {
      verdict(one, answered, form, result);
    }
  }

  /** The score, the download, and the button that restores the settings. */
  function ends() {
    const { answered, right } = score();
    const restore = element('button', { id: 'restore', hidden: sessionStorage.getItem(BEFORE_KEY) === null }, 'Back to my settings');
    restore.addEventListener('click', () => {
      const before = sessionStorage.getItem(BEFORE_KEY);
      if (!before || isRunning) return;
      sessionStorage.removeItem(BEFORE_KEY);
      restore.hidden = true;
      settings.fromHand(JSON.parse(before));
    });
    const save = element('button', { id: 'save', hidden: answered === 0 }, 'Download my answers');
    save.addEventListener('click', download);
    const sum = answered === 0 ? '' : `${right} of ${answered} within ${RIGHT_WITHIN * 100} %`;
    return [element('span', { class: 'score', id: 'score' }, sum), save, restore];
  }

  async function run(index, guess, form, result) {
    const one = QUESTIONS[index];
    isRunning = true;
    form.hidden = true;
    document.getElementById('again')?.remove();
    if (sessionStorage.getItem(BEFORE_KEY) === null) {
      const { view, window: seconds, feed, rate, payload, poll, hold, rtt } = page.settings;
      sessionStorage.setItem(BEFORE_KEY, JSON.stringify({ view, window: seconds, feed, rate, payload, poll, hold, rtt }));
    }
    const progress = element('progress', { max: one.seconds, value: 0, 'aria-label': 'The run' });
    result.replaceChildren(element('p', {}, `Your guess is ${one.show(guess)}. Running with the settings of the question: watch the lanes. `), progress);
    try {
      await settings.change({ ...one.settings });
      // Counting starts after everything from the previous settings has arrived.
      await pause(1200 + one.settings.rtt * 2);
      await page.countFromZero();
      for (let second = 0; second < one.seconds; second += 0.25) {
        await pause(250);
        progress.value = second;
      }
      await page.readStatus();
      const answer = { ask: one.ask, unit: one.unit.trim(), guess, measured: one.measure(page), theory: one.theory(page),
        busyMs: Math.max(0, mean(lateness(page, 'sse')) - one.settings.rtt / 2), at: new Date().toISOString() };
      if (!Number.isFinite(answer.measured)) throw new Error('nothing arrived in that time; are the lanes cut off?');
      remember(index + 1, answer);
      isRunning = false;
      question(index);
    } catch (error) {
      result.replaceChildren(element('p', {}, `The run failed: ${error.message}`));
      form.hidden = false;
    } finally {
      isRunning = false;
    }
  }

  question(0);
}

/** Replaces the slider with three bars on one scale and their explanation. */
function verdict(one, { guess, measured, theory, busyMs }, form, result) {
  const bars = makeBars([['your guess', guess, 'guessed'], ['measured', measured, 'measured'], ['theory', theory, 'theory']],
    one.show);
  const off = Math.abs(guess - measured) / Math.max(Math.abs(measured), 1e-9);
  const praise = off <= RIGHT_WITHIN ? 'Well guessed.' : off < 0.6 ? 'The right order.' : 'Surprised?';
  const again = element('button', { id: 'again' }, 'Guess again');
  form.hidden = true;
  again.addEventListener('click', () => {
    form.hidden = false;
    again.remove();
    result.replaceChildren();
    form.querySelector('input').focus();
  });
  const isBusy = busyMs > BUSY_MS;
  const busy = isBusy ? ` The machine was busy: updates took ${time(busyMs)} longer than their transit. Run it again.` : '';
  result.replaceChildren(bars, element('p', { 'data-busy': String(isBusy) }, element('b', {}, `${praise} `), one.why, busy));
  result.nextElementSibling.prepend(again);
}
