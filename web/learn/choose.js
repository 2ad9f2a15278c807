// The guess is the setting: it is tried as it stands.

import { Lanes } from './lanes.js';

export class Choose extends Lanes {
  ofGuess(guess) {
    return { poll: guess };
  }
}
