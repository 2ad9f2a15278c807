// The token of a server that requires one for changes: typed once, and kept in this tab only.

const KEY = 'pushpull-token';
let asking = null;

/** The `Authorization` header, if there is a token. */
export function authorization() {
  const token = sessionStorage.getItem(KEY);
  return token ? { authorization: `Bearer ${token}` } : {};
}

/** Asks the user for the token, once for all pending requests; false if the user declines. */
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
