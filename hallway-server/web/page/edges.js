/** What is said at the ends of what is shown: what is being loaded, where a room begins, and what could not be had. */

import { button, element } from './lines.js';
import { strings } from './strings.js';

export class Edges {
  #elements;
  // Where something could not be had: there it is not asked for again until somebody says so.
  #failed = new Set();

  /** @param {{ top: HTMLElement, bottom: HTMLElement }} elements */
  constructor({ top, bottom }) {
    this.#elements = { top, bottom };
  }

  /** What could not be had there is forgiven: it is no longer what is said. */
  say(edge, ...what) {
    this.#failed.delete(edge);
    const words = what.length > 0 ? [element('p', {}, ...what.flatMap((each) => [each, ' ']))] : [];
    this.#elements[edge].replaceChildren(...words);
  }

  /** @param {() => void} again what is done when the reader wants it tried again */
  fail(edge, again) {
    this.say(edge, strings.notLoaded, button(strings.tryAgain, () => {
      this.say(edge);
      again();
    }));
    this.#failed.add(edge);
  }

  hasFailed(edge) { return this.#failed.has(edge); }

  forgive(edge) {
    if (this.#failed.has(edge)) this.say(edge);
  }
}
