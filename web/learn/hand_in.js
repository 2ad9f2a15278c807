// The guesses and answers that this browser keeps, as a table and as a file to hand in.

import { element } from '../format.js';
import { forget, handIn, kept, keepExercises, keepName } from './progress.js';
import { shown, t } from './words.js';

export function showHandIn(root) {
  const file = handIn();
  const rows = file.guesses.sort((a, b) => a.lesson - b.lesson).map((one) => element('tr', {},
    ...[one.lesson, one.lab, shown(one.guess, one.unit), shown(one.measured, one.unit), shown(one.theory, one.unit)].map((cell) =>
      element('td', {}, String(cell)))));
  const head = element('tr', {}, ...[t('lesson'), t('lab'), t('yours'), t('measured'), t('theory')].map((cell) => element('th', {}, cell)));
  const right = file.checks.filter((one) => one.right).length;
  const name = element('input', { id: 'name', maxlength: 80, value: kept().name, autocomplete: 'off' });
  name.addEventListener('change', () => keepName(name.value));
  const make = element('button', { type: 'button', class: 'strong', id: 'make' }, t('make'));
  make.addEventListener('click', () => {
    keepName(name.value);
    save(handIn());
  });
  const said = element('p', { role: 'status' });
  const add = element('input', { type: 'file', id: 'add', accept: 'application/json,.json' });
  add.addEventListener('change', async () => {
    try {
      const { exercises } = JSON.parse(await add.files[0].text());
      if (!Array.isArray(exercises)) throw new Error('exercises');
      keepExercises(exercises);
      showHandIn(root);
      root.querySelector('[role=status]').textContent = t('added', { count: exercises.length });
    } catch (error) {
      said.textContent = t('unreadable', { problem: error.message });
    }
  });
  const forgetting = element('button', { type: 'button', id: 'forget' }, t('forget'));
  forgetting.addEventListener('click', () => {
    if (forgetting.dataset.sure) {
      forget();
      showHandIn(root);
    } else {
      forgetting.dataset.sure = 'yes';
      said.textContent = t('sure');
    }
  });
  root.replaceChildren(
    element('p', {}, element('label', { for: 'name' }, t('name')), ' ', name),
    rows.length > 0 ? element('div', { class: 'wide' }, element('table', {}, head, ...rows)) : element('p', {}, t('nothing')),
    element('p', {}, t('checks_right', { right, checks: file.checks.length })),
    element('ul', {}, ...file.exercises.map((one) => element('li', {}, `${one.exercise}: ${one.passed ? '✓' : '✗'}`))),
    element('p', {}, element('label', { for: 'add' }, t('add')), ' ', add),
    element('p', {}, make, ' ', forgetting), said);
}

function save(file) {
  const address = URL.createObjectURL(new Blob([`${JSON.stringify(file, null, 1)}\n`], { type: 'application/json' }));
  const name = (file.name || 'pushpull').replaceAll(/[^\p{L}\p{N}_-]+/gu, '-');
  element('a', { href: address, download: `${name}.hand-in.json` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
