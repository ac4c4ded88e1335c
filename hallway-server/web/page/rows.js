/** The entries of a room that are in the document, a line each, and which of them one reads. */

import { line, relate } from './lines.js';

export class Rows {
  #log;
  #lines;
  #entries = [];
  // What is first in sight, and where on the screen.
  #reading = null;

  /** @param {HTMLElement} log what scrolls @param {HTMLElement} lines what they are in */
  constructor(log, lines) {
    this.#log = log;
    this.#lines = lines;
  }

  get length() { return this.#entries.length; }
  get top() { return this.#entries[0]; }
  get bottom() { return this.#entries.at(-1); }
  /** The outermost that have a place in the room's sequence. */
  get first() { return this.#entries.find(isNumbered); }
  get last() { return this.#entries.findLast(isNumbered); }

  indexOf(entry) { return this.#entries.indexOf(entry); }
  [Symbol.iterator]() { return this.#entries[Symbol.iterator](); }

  append(entries) { this.insert(this.#entries.length, entries); }

  insert(at, entries) {
    if (entries.length === 0) return;
    const next = this.#entries[at]?.node ?? null;
    for (const entry of entries) entry.node ??= line(entry);
    const fragment = document.createDocumentFragment();
    fragment.append(...entries.map(({ node }) => node));
    this.#lines.insertBefore(fragment, next);
    this.#entries.splice(at, 0, ...entries);
    this.relate(at, at + entries.length + 1);
  }

  /** Lets go of so many from the one at `at` on. */
  remove(at, count) {
    for (const { node } of this.#entries.splice(at, count)) node.remove();
    this.relate(at, at + 1);
  }

  clear() { this.remove(0, this.#entries.length); }

  /** Shows of an entry what has changed in it. */
  refresh(entry) {
    const node = line(entry);
    entry.node?.replaceWith(node);
    entry.node = node;
    const at = this.indexOf(entry);
    if (at >= 0) this.relate(at, at + 1);
  }

  /** Has the lines from `start` to before `end` show what depends on the one above. */
  relate(start = 0, end = Infinity) {
    let previousMessage = this.#entries.slice(0, start).findLast(isMessage);
    for (let at = start; at < Math.min(end, this.#entries.length); at += 1) {
      relate(this.#entries[at], this.#entries[at - 1], previousMessage);
      if (isMessage(this.#entries[at])) previousMessage = this.#entries[at];
    }
  }

  // Where one reads

  /** The log was scrolled: by the reader, or the word of what was done here comes, and by then the document may be another. */
  scrolled() {
    if (this.#reading?.scrollTop !== this.#log.scrollTop) this.#remember();
  }

  /** Changes the document so that what one reads stays where it is on the screen. */
  keep(change) {
    this.hold();
    this.#remember();
    change();
    this.#restore();
  }

  /** Puts back in its place what one reads, when the document has changed around it; not when it was scrolled since. */
  hold() {
    if (this.#reading?.scrollTop === this.#log.scrollTop) this.#restore();
  }

  #remember() {
    const top = this.#log.getBoundingClientRect().top;
    // The first that is not above the edge; they stand in order.
    let [low, high] = [0, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#entries[middle].node.getBoundingClientRect().bottom > top) high = middle;
      else low = middle + 1;
    }
    const entry = this.#entries[low];
    this.#reading = entry ? { entry, y: topOf(entry), scrollTop: this.#log.scrollTop } : null;
  }

  #restore() {
    const reading = this.#reading;
    if (!reading?.entry.node.isConnected) return;
    this.#log.scrollTop += topOf(reading.entry) - reading.y;
    reading.scrollTop = this.#log.scrollTop;
  }
}

const isMessage = ({ kind }) => kind === 'message';

export const isNumbered = ({ first }) => first !== undefined;

/** Where on the screen it says what it says: what stands before that depends on the line above. */
function topOf({ node }) {
  return (node.querySelector(':scope > .body') ?? node).getBoundingClientRect().top;
}
