/** What stands in the log, as elements. All that a person wrote goes through text nodes. */

import { parts } from './links.js';
import { day, listParts, moment, strings, time } from './strings.js';

/** Consecutive messages of a person within this time of the first are one group, in ms: it shows one time. */
const GROUP = 5 * 60_000;
/** What of a message is shown at first: characters, lines, and of these characters how many marks on a single one. */
const MAX_CHARACTERS = 1_000;
const MAX_LINES = 15;
const TOO_MANY_MARKS = /\p{M}{30}/u;
/** Of what is shown at first so many links can be followed: each costs as much as a line, and is a stop of the Tab key. */
const MAX_LINKS = 20;
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
    case 'notice': return element('div', { className: 'line notice' }, ...presence(entry.changes));
    case 'gap': return gapLine(entry);
    case 'epoch': return element('div', { className: 'line notice' }, strings.newEpoch);
  }
}

/** What a line shows of its place: the day, where another begins, the name, where it is not the one above, the unread marker. */
export function relate(entry, previous, previousMessage) {
  const { node } = entry;
  node.querySelector(':scope > .day')?.remove();
  node.querySelector(':scope > .unread')?.remove();
  if (entry.isFirstUnread) node.prepend(separator('unread', strings.unread));
  if (entry.kind !== 'message') return;
  const startsDay = previousMessage?.date.toDateString() !== entry.date.toDateString();
  if (startsDay) node.prepend(separator('day', day(entry.date)));
  const isContinued = !startsDay && !entry.isFirstUnread && previous === previousMessage
    && previous.username === entry.username && Math.abs(entry.date - previous.groupDate) < GROUP;
  entry.groupDate = isContinued ? previous.groupDate : entry.date;
  node.classList.toggle('continued', isContinued);
}

function separator(className, words) {
  return element('div', { className, role: 'separator', ariaLabel: words }, element('span', {}, words));
}

function messageLine({ date, username, message, isOwn }) {
  const at = element('time', { dateTime: date.toISOString(), title: moment(date) }, time(date));
  const head = element('p', { className: 'head' }, nameOf(username));
  if (isOwn) head.append(element('span', { className: 'you' }, ` ${strings.you}`));
  // The server's form of a message that somebody had erased.
  const isErased = username === '' && message === '';
  return element('div', { className: `line message${isOwn ? ' own' : ''}${isErased ? ' erased' : ''}` },
    element('div', { className: 'body', role: 'article' }, at, head, text(isErased ? strings.removed : message)));
}

/** A text as it was written, its links to be followed. */
export function text(whole) {
  const node = element('div', { className: 'text', dir: 'auto' });
  const start = beginning(whole);
  const [shown, isComplete] = inline(start, MAX_LINKS);
  node.append(...shown);
  if (isComplete && start.length === whole.length) return node;
  const lines = whole.split('\n').length;
  const more = button(lines > MAX_LINES ? strings.showAllLines(lines) : strings.showAll([...whole].length), () => {
    node.replaceChildren(...inline(whole, Infinity)[0]);
    // Where the button was is where one reads on.
    node.tabIndex = -1;
    node.focus({ preventScroll: true });
  });
  node.append(start.length < whole.length ? '… ' : ' ', more);
  return node;
}

/** As much of a text as is shown at first: without half a character, half a link, or half a line where there are many. */
function beginning(whole) {
  let start = whole;
  const lines = whole.split('\n', MAX_LINES + 1);
  if (lines.length > MAX_LINES) start = lines.slice(0, MAX_LINES).join('\n');
  // A little more than is allowed is better than a button that shows a little more.
  if (start.length > MAX_CHARACTERS * 1.2) start = start.slice(0, MAX_CHARACTERS).replace(/[\uD800-\uDBFF]$/, '');
  const marks = start.search(TOO_MANY_MARKS);
  if (marks >= 0) start = start.slice(0, marks);
  if (start.length === whole.length) return start;
  // A link that is cut leads elsewhere.
  const last = parts(start).at(-1);
  return last?.href && last.text.length < start.length ? start.slice(0, -last.text.length) : start;
}

/** The parts of a text as they are shown, and whether all links are. */
function inline(whole, maxLinks) {
  let links = 0;
  const shown = parts(whole).map(({ text, href }) => {
    if (!href || (links += 1) > maxLinks) return text;
    const a = element('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow' }, text);
    // Where it does not lead where it seems to.
    if (!href.startsWith(text)) a.title = href;
    return a;
  });
  return [shown, links <= maxLinks];
}

function gapLine(entry) {
  const { first, last, state, load } = entry;
  const count = last - first + 1;
  if (state === 'gone') return element('div', { className: 'line gap' }, strings.noLongerKept(count));
  const action = button({ missed: strings.loadMissed(count), loading: strings.loadingMissed, failed: strings.tryAgain }[state], () => load(entry));
  // Not `disabled`, which would lose the focus.
  if (state === 'loading') action.setAttribute('aria-disabled', 'true');
  const words = `${strings.missed(count)} ${state === 'failed' ? strings.missedNotLoaded : ''} `;
  return element('div', { className: 'line gap' }, words, action);
}

/** Who came and went, in one line: each person once. Names are told apart from what is said of them: they may be sentences. */
function presence(changes) {
  const groups = new Map();
  const said = [];
  const people = new Map();
  for (const { event, usernames, text: words } of changes) {
    if (usernames.length === 0 || !(event === 'joined' || event === 'left')) said.push([words]);
    else for (const name of usernames) people.set(name, [people.get(name)?.[0] ?? event, event]);
  }
  for (const [name, [first, last]] of people) {
    const change = first === last ? strings[first] : first === 'joined' ? strings.cameAndWent : strings.cameBack;
    groups.set(change, [...(groups.get(change) ?? []), name]);
  }
  for (const [change, names] of groups) {
    const others = names.length - MAX_NAMES;
    const shown = others > 0 ? [...names.slice(0, MAX_NAMES), strings.others(others)] : names;
    let items = 0;
    const listed = listParts(shown).map(({ type, value }) => (
      type === 'element' && (items += 1) <= MAX_NAMES ? nameOf(value) : value));
    said.push([...listed, ` ${change}`]);
  }
  return said.flatMap((sentence, at) => (at > 0 ? [' · ', ...sentence] : sentence));
}

/** Isolated, so that one written from right to left does not turn the sentence round. */
function nameOf(username) {
  return element('bdi', { className: 'name' }, username);
}
