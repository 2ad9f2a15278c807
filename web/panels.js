// The panels below the lanes. At most one is open at a time, which leaves space for the lanes.

export function makePanels(onChange) {
  const buttons = [...document.querySelectorAll('#panels button')];

  function open(name) {
    for (const button of buttons) {
      const isOpen = button.id === `open-${name}`;
      button.setAttribute('aria-expanded', String(isOpen));
      document.getElementById(button.getAttribute('aria-controls')).hidden = !isOpen;
    }
    document.body.classList.toggle('has-panel', Boolean(name));
    onChange(name);
  }

  for (const button of buttons) {
    const name = button.id.replace('open-', '');
    button.addEventListener('click', () => open(button.getAttribute('aria-expanded') === 'true' ? '' : name));
  }
  return (name) => { if (document.getElementById(`open-${name}`)) open(name); };
}
