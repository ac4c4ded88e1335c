/** What stands in the log, as elements. All that a person wrote goes through text nodes. */

import { parts } from './links.js';
import { day, moment, strings, time } from './strings.js';

/** Consecutive messages of a person within this time are one group, in ms. */
const GROUP = 5 * 60_000;
/** What of a long message is shown at first, in characters and in lines. */
const MAX_CHARACTERS = 1_000;
const MAX_LINES = 15;
/** Names in one notice; the others are counted. */
const MAX_NAMES = 5;

/** An element with properties and children; of the children texts remain texts. */
export function element(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

export function button(text, onclick) {
  return element('button', { type: 'button', onclick }, text);
}

/** The line of an entry: what it says, before what depends on the entry above it (`relate`). */
export function line(entry) {
  switch (entry.kind) {
    case 'message': return messageLine(entry);
    case 'notice': return element('div', { className: 'line notice' }, presence(entry.changes));
    case 'gap': return gapLine(entry);
    case 'epoch': return element('div', { className: 'line notice' }, strings.newEpoch);
  }
}

/** What a line shows of its place: the day, where another begins, the name, where it is not the one above, the unread marker. */
export function relate(entry, previous, previousMessage) {
  const { node } = entry;
  node.querySelector(':scope > .day')?.remove();
  node.querySelector(':scope > .unread')?.remove();
  if (entry.isFirstUnread) node.prepend(element('div', { className: 'unread' }, element('span', {}, strings.unread)));
  if (entry.kind !== 'message') return;
  const startsDay = previousMessage?.date.toDateString() !== entry.date.toDateString();
  if (startsDay) node.prepend(element('div', { className: 'day' }, element('span', {}, day(entry.date))));
  const isContinued = !startsDay && !entry.isFirstUnread && previous === previousMessage
    && previous.username === entry.username && Math.abs(entry.date - previous.date) < GROUP;
  node.classList.toggle('continued', isContinued);
}

/** Shows of an entry what has changed in it. */
export function refresh(entry) {
  const node = line(entry);
  entry.node?.replaceWith(node);
  entry.node = node;
}

function messageLine({ date, username, message, isOwn }) {
  const at = element('time', { dateTime: date.toISOString(), title: moment(date) }, time(date));
  const name = element('bdi', { className: 'name' }, username);
  const head = element('p', { className: 'head' }, name);
  if (isOwn) head.append(element('span', { className: 'you' }, ` ${strings.you}`));
  // The server's form of a message that somebody had erased.
  const isErased = username === '' && message === '';
  return element('div', { className: `line message${isOwn ? ' own' : ''}${isErased ? ' erased' : ''}` },
    element('div', { className: 'body' }, at, head, text(isErased ? strings.removed : message)));
}

/** A text as it was written, its links to be followed. */
export function text(whole) {
  const node = element('div', { className: 'text', dir: 'auto' });
  const start = beginning(whole);
  node.append(...inline(start));
  if (start.length < whole.length) {
    const more = button(strings.showAll([...whole].length), () => {
      node.replaceChildren(...inline(whole));
      // Where the button was is where one reads on.
      node.tabIndex = -1;
      node.focus({ preventScroll: true });
    });
    node.append('… ', more);
  }
  return node;
}

/** As much of a text as is shown at first: without half a character, or half a line where there are many. */
function beginning(whole) {
  if (whole.length <= MAX_CHARACTERS && whole.length < MAX_LINES) return whole;
  const lines = whole.split('\n', MAX_LINES + 1);
  let start = lines.length > MAX_LINES ? lines.slice(0, MAX_LINES).join('\n') : whole;
  // A little more than is allowed is better than a button that shows a little more.
  if (start.length > MAX_CHARACTERS * 1.2) start = start.slice(0, MAX_CHARACTERS).replace(/[\uD800-\uDBFF]$/, '');
  return start;
}

function inline(whole) {
  return parts(whole).map(({ text, href }) => (href
    ? element('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow' }, text)
    : text));
}

function gapLine(entry) {
  const { from, to, isGone, load } = entry;
  const count = to - from + 1;
  if (isGone) return element('div', { className: 'line gap' }, strings.noLongerKept(count));
  return element('div', { className: 'line gap' }, `${strings.missed(count)} `, button(strings.loadMissed, () => load(entry)));
}

/** Who came and went, in one line: each person once. */
function presence(changes) {
  const groups = new Map();
  const said = [];
  const people = new Map();
  for (const { event, usernames, text: words } of changes) {
    if (usernames.length === 0 || !(event === 'joined' || event === 'left')) said.push(words);
    else for (const name of usernames) people.set(name, [people.get(name)?.[0] ?? event, event]);
  }
  for (const [name, [first, last]] of people) {
    const change = first === last ? strings[first] : first === 'joined' ? strings.cameAndWent : strings.cameBack;
    groups.set(change, [...(groups.get(change) ?? []), name]);
  }
  for (const [change, names] of groups) {
    const others = names.length - MAX_NAMES;
    const shown = others > 0 ? [...names.slice(0, MAX_NAMES), strings.others(others)] : names;
    // Isolated, so that a name written from right to left does not turn the sentence round.
    said.push(strings.presence(shown.map((name) => `\u2068${name}\u2069`), change));
  }
  return said.join(' · ');
}
