// The page's entry point: synchronizes the clocks, subscribes over the four transports, and shows what happens.

import { isRoomNamed, MAIN, newestCursor, readSession, room, setRoundTrip } from './api.js';
import { makeActions } from './actions.js';
import { clock, keepRelated, relate, uncertaintyMs } from './clock.js';
import { makeConnectionLimit } from './connection_limit.js';
import { Figures } from './figures.js';
import { pause, say, time, whole } from './format.js';
import { makeLanes } from './lane.js';
import { Page } from './page.js';
import { makePanels } from './panels.js';
import { makePredict } from './predict.js';
import { showReports } from './reports.js';
import { DEFAULTS, fromAddress, Settings } from './settings.js';
import { Story } from './story.js';
import { makeUpward } from './upward.js';
import { Axis, LaneView } from './view.js';

const STATUS_MS = 1000;
const WORDS_MS = 100;
/** Smooth enough to the eye at half the work of every frame. */
const FRAME_MS = 30;
/** With reduced motion, the diagrams change once a second instead of moving. */
const STILL_MS = 1000;
/** How long a message replaces the heading. */
const TOLD_MS = 8000;
/** The diagrams show the opening of the four connections for this long; then the first update is published. */
const OPENING_MS = 2400;

const page = Object.assign(new Page({ ...DEFAULTS }), {
  canSetFeed: true,
  panel: '',
  story: null,
  isAtLimit: false,
  told: { words: '', until: 0 },

  onStall(isStalled) {
    if (!isStalled || !this.isAtLimit) warn(isStalled);
  },

  /** Shows a message in place of the heading for a while; an empty text removes it. */
  tell(words) {
    this.told = { words, until: performance.now() + TOLD_MS };
  },
});

/** For the console, and for the tests. */
window.pushpull = { page, clock };

function warn(isStalled) {
  const banner = document.getElementById('banner');
  banner.hidden = !isStalled;
  if (isStalled) {
    say(banner, 'The server does not answer this page. Either it has stopped, or this browser has used up its six ' +
      'connections to it: each open page takes two. Close other pages of this server.');
  }
}

async function start() {
  const asked = fromAddress();
  await relate();
  keepRelated();
  page.status = await readSession();
  page.base = page.status;
  page.lanes = makeLanes(page);
  const settings = new Settings(page);
  settings.follow(page.status.feed);
  const { panel, ...wanted } = asked;
  Object.assign(page.settings, wanted);
  if (page.settings.rtt > 0) await setRoundTrip(page.settings.rtt);
  settings.show();
  page.story = new Story(page);
  makeActions(page);
  makePredict(page, settings);
  makeConnectionLimit(page);
  makeUpward(page);
  const figures = new Figures(page);

  const root = document.getElementById('lanes');
  const views = page.lanes.map((lane) => new LaneView(lane, page));
  root.append(...views.map((view) => view.node));
  for (const view of views) view.attach();
  const axis = new Axis(document.getElementById('axis'));

  const open = makePanels((name) => {
    page.panel = name;
    settings.writeAddress();
    if (name === 'reports') showReports();
  });
  if (panel) open(panel);
  window.addEventListener('hashchange', () => {
    const { panel: other, ...changed } = fromAddress();
    if (other) open(other);
    settings.fromHand(changed);
  });

  const cursor = await newestCursor();
  page.story.scene.at = performance.now();
  for (const lane of page.lanes) lane.start(cursor);
  draw(views, axis);
  setInterval(() => words(views), WORDS_MS);
  keepStatus(figures, settings);
  await beginFeed(settings, wanted);
}

/** Sets the feed: of the page's own room always, of a shared stream only if the address asks for it. */
async function beginFeed(settings, wanted) {
  const isAsked = 'feed' in wanted || 'rate' in wanted || 'payload' in wanted;
  const isOwn = room !== MAIN && !isRoomNamed;
  if (!isAsked && !isOwn) return;
  const { feed, rate, payload } = { ...DEFAULTS, ...wanted };
  const { status } = page;
  if (status.feed.feed === feed && status.feed.rate === rate && status.feed.payload === payload) return;
  if (page.settings.view === 'one') await pause(OPENING_MS);
  await settings.fromHand({ feed, rate, payload });
}

function draw(views, axis) {
  const still = window.matchMedia('(prefers-reduced-motion: reduce)');
  let drawn = -Infinity;
  const frame = () => {
    requestAnimationFrame(frame);
    const now = performance.now();
    if (now - drawn < (still.matches ? STILL_MS : FRAME_MS)) return;
    drawn = now;
    const moment = page.frozenAt ?? now;
    if (page.frozenAt === null) page.story.follow(moment);
    const picture = page.story.frame(moment);
    for (const view of views) view.diagram.draw(picture);
    axis.draw(picture);
  };
  frame();
}

function words(views) {
  const now = performance.now();
  const picture = page.story.frame(page.frozenAt ?? now);
  for (const view of views) view.tell(picture);
  const { words: told, until } = page.told;
  say(document.getElementById('heading'), told && now < until ? told : page.story.heading(picture));
}

/** Describes the network path between this browser and the server, or a proxy in front of it. */
function ofPath({ roundTripMs, sent, again }) {
  if (roundTripMs === null) return '';
  const lost = again === 0 ? 'nothing lost' : `${again} of ${whole(sent)} segments retransmitted`;
  return `; path: round trip ${time(roundTripMs)}, ${lost}`;
}

/** Reads the server's counters once a second, one request at a time. */
async function keepStatus(figures, settings) {
  const state = document.getElementById('state');
  for (;;) {
    try {
      await page.readStatus();
      settings.follow(page.status.feed);
      settings.show();
      const { pages } = page.status;
      const where = room === MAIN ? `main stream, pages open: ${pages}` : isRoomNamed ? `room ${room}` : 'own room';
      say(state, `${where}; clocks ±${time(uncertaintyMs())}${ofPath(page.path())}`);
    } catch {
      say(state, 'the server does not answer; this page keeps trying');
    }
    figures.show();
    say(document.getElementById('clock-error'), `to ±${time(uncertaintyMs())}`);
    await pause(STATUS_MS);
  }
}

start().catch((error) => {
  say(document.getElementById('state'), `This page could not start: ${error.message}. Reload it.`);
  throw error;
});
