/** All that the page says, to be translated here. What the server says itself, such as the text of a storm's notice, is not. */

/** The language of what follows and how it is written; `<html>` has them for `lang` and `dir`. */
export const locale = 'en';
export const direction = 'ltr';

const number = new Intl.NumberFormat(locale);
const plural = new Intl.PluralRules(locale);
const list = new Intl.ListFormat(locale);

function many(count, one, other) {
  return `${number.format(count)} ${plural.select(count) === 'one' ? one : other}`;
}

/** The content of elements with `data-text`, and the names of those with `data-label`. */
export const words = {
  product: 'Hallway',
  messages: 'Messages',
  message: 'Message',
  send: 'Send',
  keys: 'Enter sends, Shift+Enter begins a new line',
  copyLink: 'Copy link',
  change: 'Change room',
  join: 'Join a room',
  name: 'Your name',
  nameHint: 'Left empty, the server makes one up.',
  room: 'Room',
  roomHint: 'Whoever names the same room is in it. A new name makes a new room.',
  enter: 'Join',
  cancel: 'Cancel',
};

export const strings = {
  title: (room, unread) => `${unread > 0 ? `(${unread > 999 ? '999+' : unread}) ` : ''}${room} · ${words.product}`,
  people: (count) => many(count, 'person', 'people'),
  linkCopied: 'Link copied',
  linkNotCopied: (link) => `The link could not be copied. It is ${link}`,
  placeholder: (room) => `Message to ${room}`,
  writingAs: (name) => ['Writing as ', name, '.'],

  // Lines
  you: 'you',
  removed: 'This message was removed.',
  showAll: (characters) => `Show all ${many(characters, 'character', 'characters')}`,
  showAllLines: (lines) => `Show all ${many(lines, 'line', 'lines')}`,
  unread: 'New',
  missed: (count) => `You missed ${many(count, 'message', 'messages')}.`,
  loadMissed: (count) => (plural.select(count) === 'one' ? 'Load it' : 'Load them'),
  loadingMissed: 'Loading…',
  missedNotLoaded: 'Loading failed.',
  noLongerKept: (count) => `${many(count, 'message is', 'messages are')} no longer kept.`,
  newEpoch: 'The room has begun anew. What is above is no longer on the server.',
  others: (count) => many(count, 'other', 'others'),
  joined: 'joined',
  left: 'left',
  cameAndWent: 'joined and left',
  cameBack: 'left and came back',

  // The ends of what is shown
  loading: 'Loading older messages…',
  beginning: 'The room begins here.',
  nothingOlder: 'Nothing older is kept.',
  notLoaded: 'The messages here could not be loaded.',
  tryAgain: 'Try again',
  jump: (count) => (count > 0 ? `Jump to newest (${number.format(count)} new)` : 'Jump to newest'),

  // What is read out
  said: (name, text) => `${name}: ${text}`,
  saidMany: (count, name) => `${many(count, 'new message', 'new messages')}, the last from ${name}`,
  connectedAgain: 'Connected again.',

  // Sending
  sending: 'Sending…',
  waiting: 'Will be sent when there is a connection.',
  edit: 'Edit',
  discard: 'Discard',
  notSent: (why) => `Not sent: ${why}`,
  failures: {
    unavailable: 'Not sent: the server cannot store messages at the moment.',
    uncertain: 'No answer came before the connection was lost, so this may have been said. Within ten minutes it can be sent again and is said once.',
    closed: 'Not sent: the connection was closed.',
  },
  tooLong: (bytes, limit) =>
    `This message takes ${number.format(bytes)} bytes; the server takes ${number.format(limit)}. Shorten it, or send it in parts.`,
  outboxFull: 'Too many messages wait for the connection. Wait until it is back.',
  waitsElsewhere: (count, room, name) =>
    `${many(count, 'message', 'messages')} to ${room} could not be sent yet. Go back there ${name ? `as ${name}` : 'without a name'} to send.`,
  notConnected: 'There is no connection. Connect again first.',

  // The connection
  connecting: 'Connecting…',
  resuming: 'The connection was lost. Connecting again…',
  unreachable: 'The server cannot be reached.',
  lost: 'The connection was lost.',
  offline: 'This device is offline.',
  restarting: 'The server is being restarted.',
  busy: 'The server is full, or this device was too slow for it.',
  refused: 'The server refused the connection.',
  ended: (reason) => `The server ended the connection: ${reason}.`,
  code: (code) => `close code ${code}`,
  retryIn: (seconds) => `Trying again in ${many(seconds, 'second', 'seconds')}.`,
  tryNow: 'Try now',
  connectAgain: 'Connect again',

  // Joining
  nameTooLong: (length, limit) => `A name has at most ${limit} characters; this one has ${number.format(length)}.`,
  roomMissing: 'Name a room.',
  roomTooLong: (length, limit) => `A room’s name has at most ${limit} characters; this one has ${number.format(length)}.`,
  roomCharacters: (characters) => `A room’s name has only letters a–z and A–Z, digits, and . _ - in it, not ${characters}`,
};

// Words are of the page's language, whether the day has 12 or 24 hours is the reader's custom.
const { hourCycle } = new Intl.DateTimeFormat(undefined, { hour: 'numeric' }).resolvedOptions();
const hour = hourCycle === 'h12' ? 'numeric' : '2-digit';
const timeFormat = new Intl.DateTimeFormat(locale, { hour, minute: '2-digit', hourCycle });
const dayFormat = new Intl.DateTimeFormat(locale, { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' });
const momentFormat = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'medium', hourCycle });

/** Of a sentence that lists these: each item, and what stands between them. */
export const listParts = (items) => list.formatToParts(items);

/** In the reader's zone, as all times. */
export const time = (date) => timeFormat.format(date);
export const day = (date) => dayFormat.format(date);
export const moment = (date) => momentFormat.format(date);
