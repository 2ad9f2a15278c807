// Lesson 10: the run uses the guess as its poll interval.

import { Lanes } from './lanes.js';

export class Choose extends Lanes {
  ofGuess(guess) {
    return { poll: guess };
  }
}
