// The token of a server that asks for one before it lets itself be changed: typed once, kept for this tab alone.

const KEY = 'pushpull-token';
let asking = null;

/** The header that shows the token, if there is one. */
export function authorization() {
  const token = sessionStorage.getItem(KEY);
  return token ? { authorization: `Bearer ${token}` } : {};
}

/** Asks the person for it, once for all who wait; false if they would rather not. */
export function askForToken() {
  asking ??= new Promise((done) => {
    const dialog = document.getElementById('token');
    const input = document.getElementById('token-text');
    input.value = '';
    dialog.addEventListener('close', () => {
      asking = null;
      const isGiven = dialog.returnValue === 'use' && input.value.trim() !== '';
      if (isGiven) sessionStorage.setItem(KEY, input.value.trim());
      input.value = '';
      done(isGiven);
    }, { once: true });
    dialog.returnValue = '';
    dialog.showModal();
  });
  return asking;
}
