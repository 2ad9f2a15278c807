// The runs in the server's reports folder.

import { listReports } from './api.js';
import { element } from './format.js';

const SIGNS = { valid: '✓', suspect: '!', invalid: '✗' };

export async function showReports() {
  const root = document.getElementById('reports');
  // The answer may take a while: all connections of this page may be in use.
  if (!root.hasChildNodes()) root.replaceChildren(element('p', {}, 'Loading the list …'));
  let runs;
  try {
    runs = await listReports();
  } catch (error) {
    root.replaceChildren(element('p', {}, `The list cannot be loaded: ${error.message}`));
    return;
  }
  if (runs.length === 0) {
    root.replaceChildren(element('p', {}, 'No reports yet. ', element('code', {}, 'cargo run --release'),
      ' measures all four transports under load and writes one.'));
    return;
  }
  root.replaceChildren(element('ul', { class: 'runs' }, ...runs.map((run) => {
    const file = run.has_page ? 'index.html' : 'run.json';
    const when = new Date(run.started_at).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });
    return element('li', {},
      element('a', { href: `/reports/${encodeURIComponent(run.folder)}/${file}` }, `${run.scenario}, ${when}`),
      element('span', { class: `verdict ${run.verdict}` }, ` ${SIGNS[run.verdict] ?? ''} ${run.verdict} `),
      element('span', { class: 'ask' }, run.question));
  })));
}
