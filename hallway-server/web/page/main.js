/** The chat page: one room at a time, over the module that anybody can use. */

import { connect } from '../hallway.js';
import { Composer } from './composer.js';
import { element } from './lines.js';
import { address, fromAddress, PlaceDialog, remember } from './place.js';
import { direction, locale, strings, words } from './strings.js';
import { Timeline } from './timeline.js';

/** What comes within this time is read out together, in ms; more than so many messages as one sentence. */
const ANNOUNCE_AFTER = 1_000;
const ANNOUNCE_EACH = 3;
/** Characters of a message that are read out. */
const ANNOUNCE_LENGTH = 300;

const at = (id) => document.getElementById(id);
const memory = storage('localStorage');
const session = storage('sessionStorage');

let chat = null;
let place = null;
let hasConnected = false;
let unread = 0;
let countdown;
let lastSaid = '';
// What others said: how many, and the last of it; and all that is to be read out.
let announced = { count: 0, last: [] };
const sentences = [];
let leave = () => {};

Object.assign(document.documentElement, { lang: locale, dir: direction });
for (const node of document.querySelectorAll('[data-text]')) node.textContent = words[node.dataset.text];
for (const node of document.querySelectorAll('[data-label]')) node.setAttribute('aria-label', words[node.dataset.label]);

const timeline = new Timeline(
  Object.fromEntries(['log', 'top', 'lines', 'bottom', 'pending', 'jump'].map((id) => [id, at(id)])),
  {
    isAway: () => document.hidden || !document.hasFocus(),
    isOwn: ({ username }) => username === chat.username,
    unread(count) {
      unread = count;
      title();
    },
    say: (words) => read(words),
  },
);
const composer = new Composer(
  { form: at('composer'), input: at('text'), error: at('text-error'), pending: at('pending') },
  session,
  { sent: () => timeline.jumpToNewest(), say: (words) => read(words) },
);
const dialog = new PlaceDialog(at('place'), (chosen) => {
  remember(memory, chosen);
  if (chat && isHere(chosen)) return composer.focus();
  // Back goes to the room before, but not to having been asked.
  visit(chosen, place && address(chosen) !== location.href ? 'pushState' : 'replaceState');
  enter(chosen);
});

at('change').addEventListener('click', () => dialog.ask(place, true));
at('copy').addEventListener('click', () => copyLink());
at('retry').addEventListener('click', () => chat.reconnect());
at('log').addEventListener('keydown', ({ key }) => {
  if (key === 'Escape') composer.focus();
});
addEventListener('popstate', arrive);
addEventListener('beforeunload', (event) => {
  if (composer.unsent > 0) event.preventDefault();
});
addEventListener('focus', () => timeline.seen());
document.addEventListener('visibilitychange', () => timeline.seen());

/** Goes where the address says, or asks. */
function arrive() {
  const { place: wanted, isComplete } = fromAddress(memory);
  if (!isComplete) return dialog.ask(wanted, false);
  dialog.close();
  // Where only the fragment is another there is nowhere to go.
  if (!chat || !isHere(wanted)) enter(wanted);
}

function isHere({ room, username }) {
  return room === place.room && username === place.username;
}

function enter(next) {
  const left = chat && { ...place, unsent: composer.unsent };
  // That one leaves it oneself is no news.
  leave();
  chat?.close();
  place = next;
  visit(place, 'replaceState');
  at('app').hidden = false;
  at('room').textContent = place.room;
  at('room').title = place.room;
  at('people').textContent = '';
  at('text').placeholder = strings.placeholder(place.room);
  hasConnected = false;
  announced = { count: 0, last: [] };

  chat = connect(new URL('chat', document.baseURI), { ...place, outbox: session });
  timeline.begin((page) => chat.history(page));
  leave = chat.on('state', (change) => say(change));
  chat.on('welcome', (welcome) => {
    at('self').replaceChildren(...strings.writingAs(element('bdi', {}, welcome.username)));
    timeline.welcome(welcome);
    if (welcome.isNewEpoch) composer.passed(0);
  });
  chat.on('message', (message) => {
    timeline.message(message);
    if (message.username === chat.username) composer.arrived(message);
    else if (!message.isReplay || hasConnected) announce(message);
    composer.passed(message.seq);
  });
  chat.on('gap', (gap) => {
    timeline.gap(gap);
    composer.passed(gap.to);
  });
  chat.on('notice', (notice) => timeline.notice(notice));
  chat.on('count', ({ count }) => {
    hasConnected = true;
    at('people').textContent = strings.people(count);
  });
  chat.on('error', ({ message }) => notice(message));
  composer.begin(chat);
  if (left?.unsent > 0) notice(strings.waitsElsewhere(left.unsent, left.room, left.username));
  say({ state: chat.state });
  title();
  composer.focus();
}

function notice(text) {
  timeline.notice({ event: 'notice', usernames: [], text });
}

/** Has the address name a place, which is one's own from then on. */
function visit(place, how) {
  try {
    history[how]({ isMine: true }, '', address(place));
  } catch {
    // A browser does not take it a hundred times in half a minute.
  }
}

// The connection, in words

function say({ state, code, reason, retryIn }) {
  clearInterval(countdown);
  at('countdown').textContent = '';
  const isOpen = state === 'open';
  const isWaiting = retryIn !== undefined;
  const hasButton = state === 'closed' || isWaiting;
  // The button goes away with what it is for.
  if (!hasButton && document.activeElement === at('retry')) composer.focus();
  at('state').hidden = isOpen;
  at('state').dataset.state = state;
  at('retry').hidden = !hasButton;
  at('retry').textContent = state === 'closed' ? strings.connectAgain : strings.tryNow;
  const words = isOpen ? '' : wordsFor({ state, code, reason, isWaiting });
  at('state-words').textContent = words;
  // Once, however often it is tried: what lasts, and that it is over.
  if (hasButton && words !== lastSaid) read(lastSaid = words);
  if (isOpen && lastSaid !== '') {
    lastSaid = '';
    read(strings.connectedAgain);
  }
  if (!isWaiting) return;
  const due = Date.now() + retryIn;
  const tell = () => {
    at('countdown').textContent = strings.retryIn(Math.max(1, Math.ceil((due - Date.now()) / 1_000)));
  };
  countdown = setInterval(tell, 1_000);
  tell();
}

function wordsFor({ state, code, reason, isWaiting }) {
  if (state === 'closed') return strings.ended(reason || strings.code(code));
  if (navigator.onLine === false) return strings.offline;
  if (!isWaiting) return state === 'connecting' ? strings.connecting : strings.resuming;
  switch (code) {
    case 1001: return strings.restarting;
    case 1008: return strings.refused;
    case 1013: return strings.busy;
    default: return state === 'connecting' ? strings.unreachable : strings.lost;
  }
}

// What is read out, and the title

function announce(message) {
  if (announced.count === 0) setTimeout(readAnnounced, ANNOUNCE_AFTER);
  announced = { count: announced.count + 1, last: [...announced.last.slice(1 - ANNOUNCE_EACH), message] };
}

function readAnnounced() {
  const { count, last } = announced;
  announced = { count: 0, last: [] };
  if (count > ANNOUNCE_EACH) read(strings.saidMany(count, last.at(-1).username));
  else for (const { username, message } of last) read(strings.said(username, message.slice(0, ANNOUNCE_LENGTH)));
}

/** Has something read out; what comes in one turn of the event loop together, or the last would be all. */
function read(sentence) {
  if (sentences.push(sentence) > 1) return;
  queueMicrotask(() => at('announcer').replaceChildren(...sentences.splice(0).map((each) => element('span', {}, `${each} `))));
}

function title() {
  const words = strings.title(place.room, unread);
  if (document.title !== words) document.title = words;
}

async function copyLink() {
  const link = address({ room: place.room });
  const isCopied = await copied(link);
  read(isCopied ? strings.linkCopied : strings.linkNotCopied(link));
  if (!isCopied) return notice(strings.linkNotCopied(link));
  at('copy').textContent = strings.linkCopied;
  setTimeout(() => { at('copy').textContent = words.copyLink; }, 2_000);
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Not allowed, or a page without TLS.
    return false;
  }
}

/** Also where a browser has been told to store nothing: then nothing is remembered. */
function storage(name) {
  try {
    return window[name];
  } catch {
    return undefined;
  }
}

at('unloaded').hidden = true;
arrive();
