/** The chat page: one room at a time, over the module that anybody can use. */

import { connect } from '../hallway.js';
import { Composer } from './composer.js';
import { element } from './lines.js';
import { address, fromAddress, PlaceDialog, remember } from './place.js';
import { locale, strings, words } from './strings.js';
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
const announced = { count: 0, last: [] };

document.documentElement.lang = locale;
for (const node of document.querySelectorAll('[data-text]')) node.textContent = words[node.dataset.text];
for (const node of document.querySelectorAll('[data-label]')) node.setAttribute('aria-label', words[node.dataset.label]);

const timeline = new Timeline(
  { log: at('log'), top: at('top'), lines: at('lines'), pending: at('pending'), jump: at('jump') },
  {
    isAway: () => document.hidden || !document.hasFocus(),
    isOwn: ({ username }) => username === chat.username,
    unread(count) {
      unread = count;
      title();
    },
  },
);
const composer = new Composer(
  { form: at('composer'), input: at('text'), error: at('text-error'), pending: at('pending') },
  session,
  { sent: () => timeline.jumpToNewest() },
);
const dialog = new PlaceDialog(at('place'), (chosen) => {
  const url = address(chosen);
  // Back goes to the room before, but not to having been asked.
  if (place && url !== location.href) history.pushState(null, '', url);
  else history.replaceState(null, '', url);
  enter(chosen);
});

at('change').addEventListener('click', () => dialog.ask(place, true));
at('copy').addEventListener('click', () => copyLink());
at('retry').addEventListener('click', () => {
  // The button goes away with what it is for.
  composer.focus();
  chat.reconnect();
});
addEventListener('popstate', arrive);
addEventListener('focus', () => timeline.seen());
document.addEventListener('visibilitychange', () => timeline.seen());

/** Goes where the address says, or asks. */
function arrive() {
  const { place: wanted, isComplete } = fromAddress(memory);
  if (!isComplete) return dialog.ask(wanted, false);
  dialog.close();
  enter(wanted);
}

function enter(next) {
  leave();
  place = next;
  remember(memory, place);
  history.replaceState(null, '', address(place));
  at('app').hidden = false;
  at('room').textContent = place.room;
  at('people').textContent = '';
  at('text').placeholder = strings.placeholder(place.room);
  hasConnected = false;

  chat = connect(new URL('chat', document.baseURI), { ...place, outbox: session });
  timeline.begin((page) => chat.history(page));
  composer.begin(chat);
  chat.on('state', (change) => say(change));
  chat.on('welcome', (welcome) => {
    at('self').replaceChildren(...strings.writingAs(element('bdi', {}, welcome.username)));
    timeline.welcome(welcome);
  });
  chat.on('message', (message) => {
    timeline.message(message);
    if (message.username === chat.username) composer.arrived(message);
    else if (!message.isReplay || hasConnected) announce(message);
  });
  chat.on('gap', (gap) => timeline.gap(gap));
  chat.on('notice', (notice) => timeline.notice(notice));
  chat.on('count', ({ count }) => {
    hasConnected = true;
    at('people').textContent = strings.people(count);
  });
  chat.on('error', ({ message }) => timeline.notice({ event: 'notice', usernames: [], text: message }));
  say({ state: chat.state });
  title();
  composer.focus();
}

function leave() {
  chat?.close();
}

// The connection, in words

function say({ state, code, reason, retryIn }) {
  clearInterval(countdown);
  at('countdown').textContent = '';
  at('state').hidden = state === 'open';
  at('state').dataset.state = state;
  if (state === 'open') {
    if (at('state-words').textContent !== '' && hasConnected) read(strings.connectedAgain);
    at('state-words').textContent = '';
    return;
  }
  at('state-words').textContent = wordsFor({ state, code, reason, isWaiting: retryIn !== undefined });
  at('retry').hidden = state !== 'closed' && retryIn === undefined;
  at('retry').textContent = state === 'closed' ? strings.connectAgain : strings.tryNow;
  if (retryIn === undefined) return;
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
  announced.count += 1;
  announced.last = [...announced.last.slice(1 - ANNOUNCE_EACH), message];
}

function readAnnounced() {
  const { count, last } = announced;
  Object.assign(announced, { count: 0, last: [] });
  if (count > ANNOUNCE_EACH) read(strings.saidMany(count, last.at(-1).username));
  else if (count > 0) read(...last.map(({ username, message }) => strings.said(username, message.slice(0, ANNOUNCE_LENGTH))));
}

function read(...sentences) {
  at('announcer').replaceChildren(...sentences.map((sentence) => element('span', {}, `${sentence} `)));
}

function title() {
  document.title = strings.title(place.room, unread);
}

async function copyLink() {
  const link = address({ room: place.room });
  const isCopied = await copied(link);
  read(isCopied ? strings.linkCopied : strings.linkNotCopied(link));
  if (!isCopied) return timeline.notice({ event: 'notice', usernames: [], text: strings.linkNotCopied(link) });
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

arrive();
