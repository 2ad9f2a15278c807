// Tabs after the pattern of the ARIA Authoring Practices: arrow keys move, one tab stop for all.

export function makeTabs(onChange) {
  const tabs = [...document.querySelectorAll('[role=tab]')];

  function select(chosen, takeFocus = false) {
    for (const tab of tabs) {
      const isChosen = tab === chosen;
      tab.setAttribute('aria-selected', String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      document.getElementById(tab.getAttribute('aria-controls')).hidden = !isChosen;
    }
    if (takeFocus) chosen.focus();
    onChange(chosen.id.replace('tab-', ''));
  }

  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener('click', () => select(tab));
    tab.addEventListener('keydown', (event) => {
      const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      select(tabs[(to + tabs.length) % tabs.length], true);
    });
  }
  return (name) => {
    const tab = document.getElementById(`tab-${name}`);
    if (tab?.matches('[role=tab]')) select(tab);
  };
}
