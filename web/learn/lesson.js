// A page of the lessons: makes its labs and questions interactive, and keeps the answers.

import { makeCheck, makeNote } from './checks.js';
import { showHandIn } from './hand_in.js';
import { deactivate } from './active_instrument.js';
import { Lab } from './lab.js';
import { handIn, kept } from './progress.js';
import { element } from '../format.js';
import { t, untranslated } from './words.js';

const name = document.body.dataset.page;
const lesson = Number(/^(\d\d)-/.exec(name)?.[1] ?? 0);
const settings = JSON.parse(document.getElementById('labs').textContent);

const labs = [...document.querySelectorAll('section.lab')].map((section) => {
  const id = section.dataset.lab;
  return new Lab(section, { id, ...settings[id] });
});
for (const section of document.querySelectorAll('section.check')) makeCheck(section, lesson);
for (const kind of ['saw', 'code', 'discuss']) {
  for (const section of document.querySelectorAll(`section.${kind}`)) makeNote(section, kind, lesson);
}

// The first picture starts by itself, unless the reader prefers reduced motion or has already answered.
const first = labs[0];
if (first && !kept().guesses[first.lab.id] && !window.matchMedia('(prefers-reduced-motion: reduce)').matches) first.watch();

if (name === 'hand-in') {
  const root = element('div', { id: 'hand-in' });
  document.getElementById('text').append(root);
  showHandIn(root);
}

/** Shows the progress in each lesson, in the table of contents. */
function showProgress() {
  const { guesses, checks } = kept();
  for (const link of document.querySelectorAll('main li > a[href], main td > a[href]')) {
    const number = Number(/(?:^|\/)(\d\d)-/.exec(link.getAttribute('href'))?.[1] ?? 0);
    if (!number || name !== 'index') continue;
    const of = (list) => Object.values(list).filter((one) => one.lesson === number);
    const all = Object.values(settings).filter((one) => one.lesson === number).length;
    const answered = of(checks);
    const words = of(guesses).length + answered.length === 0 ? ''
      : t('done', { guesses: of(guesses).length, labs: all, right: answered.filter((one) => one.right).length, checks: answered.length });
    let mark = link.nextElementSibling;
    if (!mark?.classList.contains('done')) {
      mark = element('span', { class: 'done' });
      link.after(mark);
    }
    mark.textContent = words ? ` ${words}` : '';
  }
}
showProgress();
document.addEventListener('progress', showProgress);

window.addEventListener('pagehide', deactivate);
window.addEventListener('pageshow', (event) => { if (event.persisted) window.location.reload(); });

/** For the tests. */
window.lessons = { labs, handIn, untranslated };
