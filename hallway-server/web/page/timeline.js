/**
 * The messages of a room as a window on them. The document holds a few hundred lines, however many there are: what is newest is kept
 * as data (`#tail`), what is older is asked for when it is scrolled to, and what is far from where one reads is let go of. Where
 * something is missing between two lines there is a line that says so.
 */

import { Edges } from './edges.js';
import { isNumbered, Rows } from './rows.js';
import { strings } from './strings.js';

/** Lines in the document, at most. */
const WINDOW = 400;
/** Newest entries that are kept as data: what one jumps to. */
const TAIL = 200;
/** What is drawn at once where one jumps, or more has come between two frames: it fills the largest screen. */
const BURST = 60;
/** Messages asked for at once. A page may be shorter. */
const PAGE = 100;
/** How near an edge is, in px, when what is behind it is asked for. */
const NEAR = 1_000;
/** How near the end counts as the end, in px. */
const AT_END = 32;
/** Changes of presence in one line. */
const MAX_CHANGES = 100;

export class Timeline {
  #elements;
  #heed;
  #rows;
  #edges;

  #history = null;
  #tail = [];
  #newest = 0;
  // Whether the window ends where the room does; if not there is more below it.
  #isLive = true;
  #isAtEnd = true;
  // Where it was last known to be, as the log is scrolled to it.
  #end = 0;
  #hasOlder = false;
  // The page that is waited for; one that comes for a window that is no more is nobody's.
  #load = null;
  // Whether this is not the first connection: what was said in between is news.
  #hasBegun = false;
  #unread = 0;
  #firstUnread = null;
  #dirty = new Set();
  #frame = 0;

  /**
   * @param {Record<'log' | 'top' | 'lines' | 'bottom' | 'pending' | 'jump', HTMLElement>} elements
   * @param {object} heed
   * @param {() => boolean} heed.isAway whether nobody looks
   * @param {(message: { username: string }) => boolean} heed.isOwn
   * @param {(count: number) => void} heed.unread how many messages the reader has not seen
   * @param {(words: string) => void} heed.say what somebody who does not see it is to be told
   */
  constructor(elements, heed) {
    const { log, lines, pending, jump } = elements;
    this.#elements = elements;
    this.#heed = heed;
    this.#rows = new Rows(log, lines);
    this.#edges = new Edges(elements);
    log.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    log.addEventListener('keydown', (event) => {
      // Where the window ends with the room the browser knows the way, and ends a scrolling that is under way.
      if (event.key !== 'End' || event.target !== log || this.#isLive) return;
      event.preventDefault();
      this.jumpToNewest();
    });
    // Of a long message all may be shown now: then the end is farther away.
    log.addEventListener('click', () => this.#measure());
    jump.addEventListener('click', () => this.jumpToNewest());
    // The window, the keyboard of a phone, or what is being written takes space: the end, or what one reads, stays in sight.
    new ResizeObserver(() => (this.#isAtEnd ? this.#stay() : this.#rows.hold())).observe(log);
    new ResizeObserver(() => this.#stay()).observe(pending);
  }

  /** Begins with another room; `history` gives its pages. */
  begin(history) {
    this.#history = history;
    this.#tail = [];
    this.#dirty.clear();
    this.#newest = 0;
    this.#isAtEnd = true;
    this.#hasBegun = false;
    this.#firstUnread = null;
    this.#count(0);
    this.#showTail();
    this.#hasOlder = false;
  }

  message(message) {
    const { seq, isReplay } = message;
    const isNews = !this.#heed.isOwn(message) && (this.#hasBegun || !isReplay);
    if (isNews && (!this.#isAtEnd || this.#heed.isAway())) {
      if (this.#unread === 0) this.#mark(seq);
      this.#count(this.#unread + 1);
    }
    // A room that has begun anew may have more than is replayed.
    if (this.#tail.at(-1)?.kind === 'epoch' && seq > 1) this.gap({ from: 1, to: seq - 1 });
    this.#add(this.#entry(message));
  }

  gap({ from, to }) {
    this.#heed.say(strings.missed(to - from + 1));
    this.#add(this.#gap(from, to));
  }

  notice(change) {
    const last = this.#tail.at(-1);
    if (last?.kind === 'notice' && last.changes.length < MAX_CHANGES) {
      last.changes.push(change);
      this.#dirty.add(last);
      this.#schedule();
    } else {
      this.#add({ kind: 'notice', changes: [change] });
    }
  }

  /** In a room, anew or again; `isNewEpoch`: its numbers mean other messages than before. */
  welcome({ seq, isNewEpoch }) {
    // Where nothing was said nothing is lost.
    if (isNewEpoch && this.#newest > 0) {
      // Nothing from before can be asked for any more, and its numbers are not to be compared with those to come.
      this.#render();
      for (const entry of this.#rows) {
        if (entry.kind === 'gap' && !entry.isOld) this.#change(entry, { state: 'gone' });
        Object.assign(entry, { first: undefined, last: undefined, isOld: true });
      }
      this.#tail = [];
      this.#newest = 0;
      this.#firstUnread = null;
      this.#load = null;
      this.#isLive = true;
      this.#heed.say(strings.newEpoch);
      this.#add({ kind: 'epoch' });
    }
    this.#hasBegun ||= this.#tail.length > 0;
    this.#hasOlder ||= seq > 0;
    this.#edges.forgive('top');
    this.#edges.forgive('bottom');
    if (seq === 0 && this.#rows.length === 0) this.#begins(true);
  }

  /** The reader is here: what is in sight has been seen. */
  seen() {
    if (this.#isAtEnd && !this.#heed.isAway()) this.#count(0);
  }

  jumpToNewest() {
    if (!this.#isLive) this.#showTail();
    this.#isAtEnd = true;
    this.#render();
    this.seen();
  }

  // What comes

  #entry({ seq, sentAt, username, message }) {
    const isOwn = this.#heed.isOwn({ username });
    const isFirstUnread = seq === this.#firstUnread;
    return { kind: 'message', first: seq, last: seq, date: new Date(sentAt), username, message, isOwn, isFirstUnread };
  }

  /** `state`: whether what is missing can be asked for, is being loaded, did not come, or is gone. */
  #gap(from, to, state = 'missed') {
    return { kind: 'gap', first: from, last: to, state, load: (gap) => this.#loadGap(gap) };
  }

  #add(entry) {
    this.#newest = entry.last ?? this.#newest;
    this.#tail.push(entry);
    if (this.#tail.length > TAIL) this.#tail.shift();
    this.#schedule();
  }

  /** Once for all that comes until the next frame; where nothing is drawn, in a hidden page, nothing piles up but the tail. */
  #schedule() {
    this.#frame ||= requestAnimationFrame(() => this.#render());
  }

  #render() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    for (const entry of this.#dirty) if (entry.node) this.#rows.refresh(entry);
    this.#dirty.clear();
    if (this.#isLive) {
      const shown = this.#tail.lastIndexOf(this.#rows.bottom);
      const fresh = this.#tail.slice(shown + 1);
      const isCutOff = shown === -1 && !this.#joins(fresh);
      if (this.#isAtEnd && (isCutOff || fresh.length > BURST)) {
        this.#showTail();
      } else if (isCutOff || (!this.#isAtEnd && this.#rows.length + fresh.length > WINDOW)) {
        // Somebody reads above: it stays, and the new is fetched when it is scrolled to.
        this.#isLive = false;
      } else {
        this.#rows.append(fresh);
        this.#trim('top');
      }
    }
    this.#stay();
    this.#check();
  }

  /** Whether nothing is missing between the window and these. */
  #joins(entries) {
    const { last } = this.#rows;
    return !last || (entries.find(isNumbered)?.first ?? this.#newest + 1) <= last.last + 1;
  }

  #showTail() {
    this.#load = null;
    this.#isLive = true;
    this.#rows.clear();
    this.#rows.append(this.#tail.slice(-BURST));
    this.#hasOlder = (this.#rows.first?.first ?? this.#newest + 1) > 1;
    this.#edges.say('bottom');
    if (this.#hasOlder || this.#rows.length === 0) this.#edges.say('top');
    else this.#begins(true);
  }

  /** Lets go of what exceeds the window at one of its ends. */
  #trim(end) {
    const count = this.#rows.length - WINDOW;
    if (count <= 0) return;
    // What is on its way begins where the window does not any more.
    this.#load = null;
    if (end === 'top') {
      this.#rows.remove(0, count);
      this.#hasOlder = true;
      this.#edges.say('top');
    } else {
      this.#rows.remove(WINDOW, count);
      this.#isLive = false;
    }
  }

  #stay() {
    if (!this.#isLive || !this.#isAtEnd) return;
    const { log } = this.#elements;
    log.scrollTop = log.scrollHeight;
    this.#end = log.scrollTop;
  }

  // Where one is

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#elements.log;
    // Only who scrolls up leaves the end; by what is written or comes it is the end that moves.
    if (scrollHeight - scrollTop - clientHeight <= AT_END) {
      this.#isAtEnd = this.#isLive;
      this.#end = scrollTop;
    } else if (scrollTop < this.#end - AT_END) {
      this.#isAtEnd = false;
    }
    this.seen();
    this.#rows.scrolled();
    this.#check();
  }

  /** What stands below where one reads has grown: the end is where it is, and one is not moved there. */
  #measure() {
    const { scrollTop, scrollHeight, clientHeight } = this.#elements.log;
    this.#isAtEnd &&= scrollHeight - scrollTop - clientHeight <= AT_END;
    this.#check();
  }

  /** Asks for what is needed where one is. */
  #check() {
    const { log, jump } = this.#elements;
    const isThere = this.#isLive && this.#isAtEnd;
    if (isThere && document.activeElement === jump) this.#focus();
    jump.hidden = isThere;
    if (this.#load || !this.#history) return;
    const { scrollTop, scrollHeight, clientHeight } = log;
    // The top of a live window is filled when one is not at its end, or when it is all there is to see.
    const isShort = scrollHeight <= clientHeight;
    const isNearTop = scrollTop < NEAR && (!this.#isAtEnd || isShort);
    if (isNearTop && this.#hasOlder && !this.#edges.hasFailed('top')) this.#loadOlder();
    else if (!this.#isLive && scrollHeight - scrollTop - clientHeight < NEAR && !this.#edges.hasFailed('bottom')) this.#loadNewer();
  }

  /** What one has not seen begins with the message of this number. */
  #mark(seq) {
    this.#firstUnread = seq;
    for (const entry of this.#rows) entry.isFirstUnread = entry.first === seq;
    for (const entry of this.#tail) entry.isFirstUnread = entry.first === seq;
    this.#rows.keep(() => this.#rows.relate());
  }

  #count(unread) {
    this.#elements.jump.textContent = strings.jump(unread);
    if (unread === this.#unread) return;
    this.#unread = unread;
    this.#heed.unread(unread);
  }

  // What was before, and between

  /** Asks for the messages before one number, and gives `take` the entries and whether there are older ones. */
  async #fetch(edge, before, take) {
    const load = {};
    this.#load = load;
    const page = await this.#page(before);
    if (this.#load !== load) return;
    this.#load = null;
    if (page) take(...page);
    else this.#fail(edge);
    this.#check();
  }

  async #page(before) {
    try {
      const { messages, more } = await this.#history({ before, limit: PAGE });
      return [messages.map((message) => this.#entry(message)), more];
    } catch {
      // That the connection is closed, or the room another, is said elsewhere.
      return null;
    }
  }

  /** The reader decides when what failed is tried again, or it is when there is a new connection. */
  #fail(edge) {
    this.#heed.say(strings.notLoaded);
    this.#edges.fail(edge, () => {
      this.#focus();
      this.#check();
    });
  }

  #loadOlder() {
    if (this.#rows.top?.isOld) {
      this.#hasOlder = false;
      return;
    }
    const before = this.#rows.first?.first ?? this.#newest + 1;
    if (before <= 1) return this.#begins(true);
    this.#edges.say('top', strings.loading);
    this.#fetch('top', before, (older, more) => {
      this.#rows.keep(() => {
        this.#edges.say('top');
        this.#rows.insert(0, older);
        if (!more || older.length === 0) this.#begins((older[0]?.first ?? before) === 1);
        // Whoever has gone to the end since is not to lose it.
        this.#trim(this.#isAtEnd ? 'top' : 'bottom');
      });
    });
  }

  #begins(isBeginning) {
    this.#hasOlder = false;
    this.#edges.say('top', isBeginning ? strings.beginning : strings.nothingOlder);
  }

  #loadNewer() {
    if (this.#joins(this.#tail)) return this.#rejoin();
    const from = this.#rows.last.last + 1;
    const tail = this.#tail.find(isNumbered)?.first ?? this.#newest + 1;
    this.#fill(from, Math.min(from + PAGE, tail) - 1, []);
  }

  /** Pages are backward: one that is short does not reach back to `from`, and then there is another before it. */
  #fill(from, to, found) {
    this.#fetch('bottom', to + 1, (page, more) => {
      const newer = page.filter(({ first }) => first >= from);
      const all = [...newer, ...found];
      const reached = newer[0]?.first ?? to + 1;
      if (reached > from && newer.length > 0 && more) return this.#fill(from, reached - 1, all);
      this.#rows.keep(() => {
        if (reached > from) this.#append(this.#gap(from, reached - 1, 'gone'));
        this.#rows.append(all);
        this.#trim('top');
      });
    });
  }

  /** A line for what is gone; one for all that is gone in one place. */
  #append(gap) {
    const { bottom } = this.#rows;
    if (bottom?.state !== 'gone' || bottom.last !== gap.first - 1) return this.#rows.append([gap]);
    bottom.last = gap.last;
    this.#rows.refresh(bottom);
  }

  /** The window has reached the tail: it is live again. */
  #rejoin() {
    const first = this.#tail.find(isNumbered)?.first ?? this.#newest + 1;
    this.#rows.keep(() => {
      // Copies of what is in the tail, which came with a page.
      const copies = [...this.#rows].findIndex((entry) => entry.first >= first || this.#tail.includes(entry));
      if (copies >= 0) this.#rows.remove(copies, this.#rows.length);
      this.#isLive = true;
      this.#rows.append(this.#tail);
      this.#trim('top');
    });
    this.#scrolled();
  }

  /** A page of what is missing, from its end; the line goes when there is no more. */
  async #loadGap(gap) {
    const { first: from, last: to, state } = gap;
    if (state === 'loading') return;
    this.#change(gap, { state: 'loading' });
    const page = await this.#page(to + 1);
    // The room has begun anew.
    if (gap.state !== 'loading') return;
    if (!page) return this.#change(gap, { state: 'failed' });
    const [messages, more] = page;
    const found = messages.filter(({ first }) => first >= from);
    const last = (found[0]?.first ?? to + 1) - 1;
    this.#rows.keep(() => {
      this.#change(gap, { last, state: found.length > 0 && more ? 'missed' : 'gone' });
      const at = this.#rows.indexOf(gap);
      const inTail = this.#tail.indexOf(gap);
      const isFilled = last < from;
      if (inTail >= 0) {
        this.#tail.splice(isFilled ? inTail : inTail + 1, isFilled ? 1 : 0, ...found);
        this.#tail.splice(0, Math.max(0, this.#tail.length - TAIL));
      }
      if (at < 0) return;
      this.#rows.insert(at + 1, found);
      if (isFilled && gap.node.contains(document.activeElement)) this.#focus();
      if (isFilled) this.#rows.remove(at, 1);
      this.#trim(this.#isAtEnd || at > this.#rows.length / 2 ? 'top' : 'bottom');
    });
    this.#measure();
  }

  #change(gap, what) {
    const hasFocus = gap.node?.contains(document.activeElement);
    Object.assign(gap, what);
    this.#rows.refresh(gap);
    if (hasFocus) (gap.node.querySelector('button') ?? this.#elements.log).focus({ preventScroll: true });
  }

  /** Before a button goes that has it: it would be nowhere. */
  #focus() {
    this.#elements.log.focus({ preventScroll: true });
  }
}
