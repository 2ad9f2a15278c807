// Questions in the text: options with feedback on each, and fields for answers in the reader's own words.

import { element } from '../format.js';
import { kept, keepCheck, keepNote } from './progress.js';
import { t } from './words.js';

/** Options to choose from; a click shows why the option is right or wrong. */
export function makeCheck(section, lesson) {
  const id = section.dataset.check;
  const answers = [...section.querySelectorAll('.answers li')];
  const said = element('p', { class: 'feedback', role: 'status' });
  const options = answers.map((answer, index) => {
    const button = element('button', { type: 'button', class: 'option', 'aria-pressed': 'false' });
    button.append(...answer.querySelector('b').cloneNode(true).childNodes);
    button.addEventListener('click', () => {
      keepCheck(id, lesson, index + 1, answer.dataset.right === 'true');
      tell(index);
      document.dispatchEvent(new CustomEvent('progress'));
    });
    return button;
  });
  function tell(chosen) {
    for (const [index, option] of options.entries()) {
      option.setAttribute('aria-pressed', String(index === chosen));
      option.dataset.right = index === chosen ? answers[index].dataset.right : '';
    }
    const isRight = answers[chosen].dataset.right === 'true';
    const first = kept().checks[id];
    const note = first && first.answer !== chosen + 1 ? ` ${t('first')}` : '';
    said.replaceChildren(element('b', {}, `${t(isRight ? 'right' : 'wrong')} `), ...answers[chosen].querySelector('span').cloneNode(true).childNodes, note);
  }
  section.querySelector('.options').replaceWith(element('div', { class: 'choices', role: 'group' }, ...options), said);
  section.querySelector('.answers').remove();
  const before = kept().checks[id];
  if (before && answers[before.answer - 1]) tell(before.answer - 1);
}

/** A text field whose content is kept. */
export function makeNote(section, kind, lesson) {
  const id = section.dataset[kind];
  const about = kind === 'saw' ? `saw-${id}` : id;
  const field = element('textarea', { rows: 2, maxlength: 2000, id: `note-${about}` });
  field.value = kept().notes[about]?.text ?? '';
  const saved = element('span', { class: 'aside' });
  field.addEventListener('change', () => {
    keepNote(about, lesson, field.value);
    saved.textContent = t('kept');
  });
  section.append(element('div', { class: 'note' }, element('label', { for: `note-${about}` }, t(kind === 'saw' ? 'saw' : 'note')), field, saved));
}
