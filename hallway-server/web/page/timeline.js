/**
 * The messages of a room as a window on them. The document holds a few hundred lines, however many there are: what is newest is kept
 * as data (`#tail`), what is older is asked for when it is scrolled to, and what is far from where one reads is let go of.
 */

import { element, button, line, refresh, relate } from './lines.js';
import { strings } from './strings.js';

/** Lines in the document, at most. */
const WINDOW = 400;
/** Newest entries that are kept as data: what one jumps to. */
const TAIL = 200;
/** Messages asked for at once. */
const PAGE = 100;
/** How near an edge is, in px, when what is behind it is asked for. */
const NEAR = 1_000;
/** How near the end counts as the end, in px. */
const AT_END = 32;
/** Changes of presence in one line. */
const MAX_CHANGES = 100;

export class Timeline {
  #log;
  #lines;
  #top;
  #jump;
  #heed;

  #history = null;
  #rows = [];
  #tail = [];
  #newest = 0;
  // Whether the window ends where the room does; if not there is more below it.
  #isLive = true;
  #isAtEnd = true;
  // Where the log was last known to be scrolled to.
  #scrollTop = 0;
  #hasOlder = false;
  #isLoading = false;
  // Whether this is not the first connection: what was said in between is news.
  #hasBegun = false;
  #below = 0;
  #unread = 0;
  #firstUnread = null;
  #frame = 0;
  #generation = 0;

  /**
   * @param {{ log: HTMLElement, top: HTMLElement, lines: HTMLElement, pending: HTMLElement, jump: HTMLElement }} elements
   * @param {{ isAway(): boolean, isOwn(message): boolean, unread(count: number): void }} heed whether the reader looks; what is their
   * own; how many messages they did not see is told to
   */
  constructor({ log, top, lines, pending, jump }, heed) {
    this.#log = log;
    this.#lines = lines;
    this.#top = top;
    this.#jump = jump;
    this.#heed = heed;
    log.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    log.addEventListener('keydown', (event) => {
      if (event.key !== 'End' || event.target !== log) return;
      event.preventDefault();
      this.jumpToNewest();
    });
    jump.addEventListener('click', () => {
      this.jumpToNewest();
      // The button goes away: the focus would be nowhere.
      log.focus({ preventScroll: true });
    });
    // The window, the keyboard of a phone, or what is being written takes space: the end stays in sight.
    new ResizeObserver(() => this.#stay()).observe(log);
    new ResizeObserver(() => this.#stay()).observe(pending);
  }

  /** Begins with another room; `history` gives its pages. */
  begin(history) {
    this.#generation += 1;
    this.#history = history;
    this.#rows = [];
    this.#tail = [];
    this.#newest = 0;
    this.#isLive = this.#isAtEnd = true;
    this.#hasBegun = this.#hasOlder = this.#isLoading = false;
    this.#firstUnread = null;
    this.#lines.replaceChildren();
    this.#top.replaceChildren();
    this.#count(0, 0);
  }

  message(message) {
    const entry = this.#entry(message);
    this.#newest = entry.last;
    this.#add(entry);
    if (entry.isOwn || (message.isReplay && !this.#hasBegun)) return;
    if (this.#heed.isAway() || !this.#isAtEnd) {
      if (this.#unread === 0) this.#mark(entry);
      this.#count(this.#isAtEnd ? 0 : this.#below + 1, this.#unread + 1);
    }
  }

  gap({ from, to }) {
    this.#newest = to;
    this.#add({ kind: 'gap', first: from, last: to, from, to, load: (gap) => this.#loadGap(gap) });
  }

  notice(change) {
    const last = this.#tail.at(-1);
    if (last?.kind === 'notice' && last.changes.length < MAX_CHANGES) {
      last.changes.push(change);
      if (last.node) refresh(last);
      this.#stay();
    } else {
      this.#add({ kind: 'notice', changes: [change] });
    }
  }

  /** In a room, anew or again; `isNewEpoch`: its numbers mean other messages than before. */
  welcome({ seq, isNewEpoch }) {
    if (isNewEpoch) {
      // Nothing from before can be asked for any more, and its numbers are not to be compared with those to come.
      this.#generation += 1;
      this.#isLoading = false;
      this.#top.replaceChildren();
      this.#render();
      for (const entry of this.#rows) entry.isOld = true;
      this.#tail = [];
      this.#newest = 0;
      this.#add({ kind: 'epoch' });
      if (!this.#isLive) this.jumpToNewest();
    }
    this.#hasBegun ||= this.#tail.length > 0;
    this.#hasOlder ||= seq > 0;
  }

  /** The reader is here: what is in sight has been seen. */
  seen() {
    if (this.#isAtEnd && !this.#heed.isAway()) this.#count(0, 0);
  }

  jumpToNewest() {
    if (!this.#isLive) this.#showTail();
    this.#isAtEnd = true;
    this.#render();
    this.#stay();
    this.seen();
  }

  // What comes

  #add(entry) {
    this.#tail.push(entry);
    if (this.#tail.length > TAIL) this.#tail.shift();
    // Once for all that comes until the next frame; where nothing is drawn, in a hidden page, nothing piles up but the tail.
    this.#frame ||= requestAnimationFrame(() => this.#render());
  }

  #render() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (!this.#isLive) return;
    const shown = this.#tail.lastIndexOf(this.#rows.at(-1));
    if (shown === this.#tail.length - 1 && this.#rows.length > 0) return this.#check();
    const fresh = this.#tail.slice(shown + 1);
    const isCutOff = shown === -1 && this.#rows.length > 0 && !this.#joins(this.#rows, fresh);
    if (this.#isAtEnd && isCutOff) {
      this.#showTail();
    } else if (isCutOff || (!this.#isAtEnd && this.#rows.length + fresh.length > WINDOW)) {
      // Somebody reads above: it stays, and the new is fetched when it is scrolled to.
      this.#isLive = false;
    } else {
      this.#append(fresh);
      // Where one reads above there is room for them: nothing is let go of.
      this.#drop(this.#rows.length - WINDOW, 'top');
    }
    this.#stay();
    this.#check();
  }

  /** Whether nothing is missing between two runs of entries. */
  #joins(rows, fresh) {
    const last = numbered(rows.toReversed());
    return !last || last.isOld || (numbered(fresh)?.first ?? this.#newest + 1) <= last.last + 1;
  }

  #showTail() {
    this.#isLive = true;
    this.#rows = [];
    this.#lines.replaceChildren();
    this.#append(this.#tail);
    this.#hasOlder = (numbered(this.#rows)?.first ?? this.#newest + 1) > 1;
    this.#say(null);
  }

  // What is in the document

  #append(entries) {
    if (entries.length === 0) return;
    const at = this.#rows.length;
    this.#rows.push(...entries);
    this.#draw(entries);
    this.#lines.append(...entries.map(({ node }) => node));
    this.#relate(at, this.#rows.length);
  }

  #insert(at, entries) {
    if (entries.length === 0) return;
    const next = this.#rows[at]?.node ?? null;
    this.#rows.splice(at, 0, ...entries);
    this.#draw(entries);
    const nodes = entries.map(({ node }) => node);
    if (next) next.before(...nodes);
    else this.#lines.append(...nodes);
    this.#relate(at, at + entries.length + 1);
  }

  #draw(entries) {
    for (const entry of entries) entry.node ??= line(entry);
  }

  /** Has the lines from `start` to before `end` show what depends on the one above. */
  #relate(start, end) {
    let previousMessage = this.#rows.slice(0, start).findLast(isMessage);
    for (let at = start; at < Math.min(end, this.#rows.length); at += 1) {
      relate(this.#rows[at], this.#rows[at - 1], previousMessage);
      if (isMessage(this.#rows[at])) previousMessage = this.#rows[at];
    }
  }

  /** Lets go of so many lines at one end of the window. */
  #drop(count, end) {
    if (count <= 0) return;
    const dropped = end === 'top' ? this.#rows.splice(0, count) : this.#rows.splice(-count);
    for (const { node } of dropped) node.remove();
    if (end === 'bottom') {
      this.#isLive = false;
      return;
    }
    this.#hasOlder = true;
    this.#say(null);
    this.#relate(0, 1);
  }

  /** Changes the document so that what one reads stays where it is on the screen. */
  #keep(change) {
    const top = this.#log.getBoundingClientRect().top;
    const anchor = this.#rows.find(({ node }) => node.getBoundingClientRect().bottom > top)?.node;
    const before = anchor?.querySelector('.body')?.getBoundingClientRect().top ?? anchor?.getBoundingClientRect().top;
    change();
    if (!anchor?.isConnected) return;
    const after = anchor.querySelector('.body')?.getBoundingClientRect().top ?? anchor.getBoundingClientRect().top;
    this.#log.scrollTop += after - before;
  }

  #stay() {
    if (!this.#isLive || !this.#isAtEnd) return;
    this.#log.scrollTop = this.#log.scrollHeight;
    this.#scrollTop = this.#log.scrollTop;
  }

  // Where one is

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#log;
    // Only who scrolls up leaves the end; by what is written or comes it is the end that moves.
    const isLeft = !this.#isAtEnd || scrollTop < this.#scrollTop;
    this.#scrollTop = scrollTop;
    this.#isAtEnd = this.#isLive && (!isLeft || scrollHeight - scrollTop - clientHeight <= AT_END);
    if (this.#isAtEnd) {
      this.#below = 0;
      this.seen();
    }
    this.#check();
  }

  /** Asks for what is needed where one is. */
  #check() {
    this.#jump.hidden = this.#isLive && this.#isAtEnd;
    this.#jump.textContent = strings.jump(this.#below);
    if (this.#isLoading || !this.#history) return;
    const { scrollTop, scrollHeight, clientHeight } = this.#log;
    // The top of a live window is filled when one is not at its end, or when it is all there is to see.
    const isShort = scrollHeight <= clientHeight;
    if (scrollTop < NEAR && (!this.#isAtEnd || isShort) && this.#hasOlder) this.#loadOlder();
    else if (!this.#isLive && scrollHeight - scrollTop - clientHeight < NEAR) this.#loadNewer();
  }

  #mark(entry) {
    const marked = [this.#firstUnread, entry];
    this.#firstUnread = entry;
    for (const each of marked) {
      if (!each) continue;
      each.isFirstUnread = each === entry;
      const at = this.#rows.indexOf(each);
      if (at >= 0) this.#relate(at, at + 2);
    }
  }

  #count(below, unread) {
    this.#below = below;
    this.#jump.textContent = strings.jump(below);
    if (unread === this.#unread) return;
    this.#unread = unread;
    this.#heed.unread(unread);
  }

  // What was before, and between

  async #page(before, take, fail = () => this.#offer()) {
    const generation = this.#generation;
    this.#isLoading = true;
    let page = null;
    try {
      page = await this.#history({ before, limit: PAGE });
    } catch {
      // That the connection is closed, or the room another, is said elsewhere.
    }
    if (generation !== this.#generation) return;
    this.#isLoading = false;
    if (!page) return fail();
    take(page.messages.map((message) => this.#entry(message)), page.more);
    this.#check();
  }

  /** The reader decides when what failed is tried again. */
  #offer() {
    this.#isLoading = true;
    this.#say(strings.notLoaded, button(strings.tryAgain, () => {
      this.#isLoading = false;
      this.#say(null);
      this.#check();
    }));
  }

  #entry({ seq, sentAt, username, message }) {
    const isOwn = this.#heed.isOwn({ username });
    return { kind: 'message', first: seq, last: seq, date: new Date(sentAt), username, message, isOwn };
  }

  #loadOlder() {
    const first = numbered(this.#rows);
    if (first?.isOld) {
      this.#hasOlder = false;
      return;
    }
    const before = first?.first ?? this.#newest + 1;
    if (before <= 1) return this.#end(true);
    this.#say(strings.loading);
    this.#page(before, (older, more) => {
      this.#keep(() => {
        this.#say(null);
        this.#insert(0, older);
        if (!more) this.#end((older[0]?.first ?? before) === 1);
        this.#drop(this.#rows.length - WINDOW, 'bottom');
      });
    });
  }

  #end(isBeginning) {
    this.#hasOlder = false;
    this.#say(isBeginning ? strings.beginning : strings.nothingOlder);
  }

  #loadNewer() {
    const last = numbered(this.#rows.toReversed());
    if (this.#joins(this.#rows, this.#tail)) {
      const first = numbered(this.#tail)?.first ?? Infinity;
      const own = new Set(this.#tail);
      this.#keep(() => {
        // The tail's own entries take the place of copies of them, which came with a page.
        const copies = this.#rows.toReversed().findIndex((entry) => !own.has(entry) && !(entry.last >= first));
        this.#drop(copies === -1 ? this.#rows.length : copies, 'bottom');
        this.#isLive = true;
        this.#append(this.#tail);
        this.#drop(this.#rows.length - WINDOW, 'top');
      });
      return this.#scrolled();
    }
    this.#page(last.last + 1 + PAGE, (page) => {
      const newer = page.filter(({ first }) => first > last.last);
      if (newer.length === 0) return this.jumpToNewest();
      this.#keep(() => {
        this.#append(newer);
        this.#drop(this.#rows.length - WINDOW, 'top');
      });
    });
  }

  #loadGap(gap) {
    if (this.#isLoading) return;
    this.#page(gap.to + 1, (page, more) => {
      const found = page.filter(({ first }) => first >= gap.from);
      gap.to = gap.last = (found[0]?.first ?? gap.to + 1) - 1;
      gap.isGone = found.length === 0 || !more;
      this.#keep(() => {
        const isFilled = gap.to < gap.from;
        for (const entries of [this.#rows, this.#tail]) {
          const at = entries.indexOf(gap);
          if (at < 0) continue;
          if (entries === this.#rows) this.#insert(at + 1, found);
          else entries.splice(at + 1, 0, ...found);
          if (isFilled) entries.splice(at, 1);
        }
        if (isFilled) gap.node.remove();
        else refresh(gap);
        this.#relate(0, this.#rows.length);
      });
    }, () => {});
  }

  /** What is said above the first line; nothing where there is more to come. */
  #say(...what) {
    this.#top.replaceChildren(...(what[0] ? [element('p', {}, ...what.flatMap((each) => [each, ' ']))] : []));
  }
}

const isMessage = ({ kind }) => kind === 'message';

/** The first of the entries that has a place in the room's sequence. */
function numbered(entries) {
  return entries.find(({ first }) => first !== undefined);
}
