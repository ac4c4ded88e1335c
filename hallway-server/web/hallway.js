/**
 * A client of a Hallway chat server, for browsers and for programs: it speaks version 2 of the protocol, comes back by
 * itself, and says what it could not get. No dependency, no build step. `hallway.d.ts` describes all that is exported.
 *
 * @example
 * const chat = connect('ws://127.0.0.1:8080/chat', { room: 'lobby', username: 'alice' });
 * chat.on('message', ({ username, message }) => console.log(`${username}: ${message}`));
 * await chat.send('Hello!');
 *
 * @module hallway
 */

/** The subprotocol that is offered, and has to be agreed on. */
const PROTOCOL = 'hallway.v2';
/** Messages that are on their way at the same time; those behind wait their turn. The server's burst is 200. */
const MAX_IN_FLIGHT = 128;
/** Messages that wait to be sent or acknowledged. */
const MAX_OUTBOX = 1_000;
/** Pages of the history that are asked for at the same time. */
const MAX_REQUESTS = 16;
/** Characters of a name, and of a room's. */
const MAX_NAME = 64;
/** For how long nothing may be heard while an answer is due, in ms: then the connection is given up. */
const SILENCE = 20_000;
/** For how long nothing may be heard while none is due, in ms: then something is asked. */
const QUIET = 60_000;
/** As SILENCE, when there is reason to believe that it is dead: the device was offline, or asleep. */
const DOUBT = 5_000;
/** For how long after a message was sent first it is sent again, in ms: the server knows its reference for 10 minutes. */
const RESEND_WITHIN = 9.5 * 60_000;
/** Waits between attempts to connect: at random up to FIRST_WAIT, doubled with each attempt up to MAX_WAIT, in ms. */
const FIRST_WAIT = 1_000;
const MAX_WAIT = 30_000;
/** Close codes after which coming back would end the same way (section 4 of the protocol; 1000 is the client's own). */
const FINAL = new Set([1000, 1002, 1003, 1007, 1009]);

const utf8 = new TextEncoder();

/** Why something was not done. `code` is the protocol's, or one of this module's. */
export class HallwayError extends Error {
  /** @param {string} code @param {string} message @param {object} [details] */
  constructor(code, message, details) {
    super(message);
    this.name = 'HallwayError';
    this.code = code;
    Object.assign(this, details);
  }
}

/** @type {typeof import('./hallway.d.ts').connect} */
export function connect(url, options = {}) {
  return new Chat(url, options);
}

/** A membership of a room, over as many connections as it takes. Made by `connect`. */
export class Chat {
  #url;
  #WebSocket;
  #socket = null;
  #state = 'connecting';
  #listeners = new Map();

  // Where it is in the room's sequence; `#after` is null until it is known, and then a first join is made again.
  #epoch = null;
  #after = null;
  #newest = 0;
  #limits = null;
  #username;

  // By reference, in the order in which they were given; what is settled is removed. `#due` counts those that wait for an answer on
  // this connection.
  #outbox = new Map();
  #requests = new Map();
  #due = 0;
  #storage;
  #storageKey;
  #isSaving = false;
  #refs = refs();

  #attempts = 0;
  #retry;
  #watch;
  #forget = [];

  constructor(url, { room = 'lobby', username = '', outbox, WebSocket = globalThis.WebSocket } = {}) {
    if (typeof WebSocket !== 'function') {
      throw new TypeError('there is no global WebSocket here: pass a constructor, { WebSocket }');
    }
    if (!/^[a-z0-9._-]{1,64}$/i.test(room)) {
      throw new RangeError(`a room's name has 1–${MAX_NAME} of the characters a-z A-Z 0-9 . _ -`);
    }
    const length = [...username.trim()].length;
    if (length > MAX_NAME) {
      throw new RangeError(`a name has at most ${MAX_NAME} characters; this one has ${length}`);
    }
    this.room = room;
    this.#username = username;
    this.#WebSocket = WebSocket;
    this.#url = new URL(url, globalThis.location?.href);
    this.#url.protocol = this.#url.protocol.replace(/^http/, 'ws');
    this.#storage = outbox;
    this.#storageKey = `hallway:${this.#url.host}${this.#url.pathname}:${room}:${username}`;
    this.#load();
    this.#open();
    this.#listen();
  }

  get state() { return this.#state; }
  get username() { return this.#username; }
  get limits() { return this.#limits; }
  get outbox() { return Array.from(this.#outbox.values(), ({ ref, message }) => ({ ref, message })); }

  /** @returns {() => void} */
  on(type, listener) {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  send(message, { ref = this.#refs() } = {}) {
    const refused = this.#refuses(message, ref);
    if (refused) return Promise.reject(refused);
    return new Promise((resolve, reject) => {
      this.#outbox.set(ref, { ref, message, resolve, reject, firstSent: null, as: null, isInFlight: false });
      this.#save();
      this.#flush();
    });
  }

  history({ before, limit } = {}) {
    if (this.#state === 'closed') return Promise.reject(closed());
    if (this.#requests.size >= MAX_REQUESTS) {
      return Promise.reject(new HallwayError('too_many', `${MAX_REQUESTS} pages are being waited for`));
    }
    return new Promise((resolve, reject) => {
      const ref = this.#refs();
      this.#requests.set(ref, { ask: { before, limit, ref }, resolve, reject, isInFlight: false });
      this.#flush();
    });
  }

  reconnect() {
    if (this.#socket) return;
    if (this.#state === 'closed') {
      this.#load();
      this.#listen();
    }
    clearTimeout(this.#retry);
    this.#open();
  }

  close() {
    if (this.#state === 'closed') return;
    const socket = this.#drop();
    socket?.close(1000);
    this.#end(1000, 'closed by this client', true);
  }

  // Connecting

  #open() {
    const url = new URL(this.#url);
    url.searchParams.set('room', this.room);
    url.searchParams.set('username', this.#username);
    if (this.#after !== null) {
      url.searchParams.set('epoch', this.#epoch);
      url.searchParams.set('after', this.#after);
    }
    const socket = new this.#WebSocket(url.href, [PROTOCOL]);
    this.#socket = socket;
    socket.onopen = () => {
      if (socket.protocol === PROTOCOL) return;
      this.#drop().close(1000);
      this.#end(1002, `the server does not speak ${PROTOCOL}`);
    };
    socket.onmessage = ({ data }) => this.#hear(data);
    // Browsers do not say which fault it was; that the connection is closed follows.
    let fault = '';
    socket.onerror = ({ message = '' }) => { fault = message; };
    socket.onclose = ({ code, reason }) => {
      this.#drop();
      if (FINAL.has(code)) this.#end(code, reason);
      else this.#retryAfter(code, reason || fault);
    };
    this.#expect(SILENCE);
    // Last, because a listener may close it.
    this.#enter(this.#epoch === null ? 'connecting' : 'resuming');
  }

  /** Lets go of the socket: whatever it still says is not heard. What was on its way is to be sent again. */
  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    clearTimeout(this.#watch);
    // A function and not null: `ws` would throw what nobody listens for.
    if (socket) socket.onopen = socket.onmessage = socket.onerror = socket.onclose = () => {};
    for (const entry of [...this.#outbox.values(), ...this.#requests.values()]) entry.isInFlight = false;
    this.#due = 0;
    return socket;
  }

  #retryAfter(code, reason) {
    const wait = waitAfter(code, this.#attempts++);
    this.#retry = setTimeout(() => this.#open(), wait);
    this.#enter(this.#epoch === null ? 'connecting' : 'resuming', { code, reason, retryIn: wait });
  }

  #end(code, reason, isOwn = false) {
    clearTimeout(this.#retry);
    for (const forget of this.#forget.splice(0)) forget();
    const requests = [...this.#requests.values()];
    const items = [...this.#outbox.values()];
    this.#requests.clear();
    // What the client itself leaves unsent stays in its storage for the next time. Where the server ended it for a fault one of
    // these may be that fault: sent again it would end the next connection as well.
    if (isOwn) this.#write();
    this.#outbox.clear();
    if (!isOwn) this.#write();
    // All is in order before anybody is told: a listener may send, and be refused, or connect again.
    const error = closed(code, reason);
    for (const { reject } of requests) reject(error);
    const failed = items.map(({ firstSent, ...item }) => ({ ...item, error: firstSent === null ? error : uncertain() }));
    for (const { reject, error } of failed) reject?.(error);
    this.#enter('closed', { code, reason });
    if (isOwn) return;
    for (const { ref, message, error } of failed) this.#emit('failed', { ref, message, error });
  }

  #enter(state, details) {
    this.#state = state;
    this.#emit('state', { state, ...details });
  }

  /** In a browser: when it is online again, or looked at again, is a time to try, and to doubt what seems to be open. */
  #listen() {
    if (typeof document === 'undefined') return;
    const look = () => {
      if (document.visibilityState === 'hidden') return;
      if (this.#socket) this.#doubt(DOUBT);
      else if (this.#state !== 'closed') this.reconnect();
    };
    const doubt = () => this.#doubt(DOUBT);
    for (const [target, type, heed] of [
      [globalThis, 'online', look],
      [globalThis, 'offline', doubt],
      [document, 'visibilitychange', look],
    ]) {
      target.addEventListener(type, heed);
      this.#forget.push(() => target.removeEventListener(type, heed));
    }
  }

  /** Asks something, to find out whether anybody answers. The pings of the server are not seen here. */
  #doubt(limit) {
    if (this.#state !== 'open') return;
    this.history({ limit: 1 }).catch(() => {});
    this.#expect(limit);
  }

  /** What is done when nothing more is heard. */
  #attend() {
    if (this.#due > 0 || this.#state !== 'open') return this.#expect(SILENCE);
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => {
      // When somebody looks again it is doubted anyway.
      if (globalThis.document?.visibilityState !== 'hidden') this.#doubt(SILENCE);
    }, QUIET);
  }

  #expect(limit) {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => {
      this.#drop().close();
      this.#retryAfter(1006, `nothing was heard for ${limit / 1000} s`);
    }, limit);
  }

  // Hearing

  #hear(data) {
    const { type, payload } = parsed(data);
    if (Object.hasOwn(FRAMES, type) && FRAMES[type](payload)) this.#take(type, payload);
    // A page that cannot be read will not come in another form.
    else if (type === 'history') this.#settle(this.#requests, payload.ref)?.reject(new HallwayError('bad_frame', 'the page is none'));
    // A listener may have closed it.
    if (this.#socket) this.#attend();
  }

  #take(type, payload) {
    switch (type) {
      case 'welcome': return this.#welcome(payload);
      case 'chatMessage': return this.#message(payload);
      case 'gap':
        this.#after = payload.to;
        return this.#emit('gap', payload);
      case 'userCount':
        // It comes behind the history: where that had nothing, all up to the welcome is past.
        this.#after ??= this.#newest;
        return this.#emit('count', payload);
      case 'system': return this.#emit('notice', { usernames: [], ...payload });
      case 'history': {
        const { ref, messages, more } = payload;
        return this.#settle(this.#requests, ref)?.resolve({ messages, more });
      }
      case 'ack': return this.#acknowledge(payload);
      case 'error': return this.#fault(payload);
    }
  }

  #welcome(payload) {
    // A room whose newest is older than the last seen has lost some, and gives their numbers to others.
    const isNewEpoch = this.#epoch !== null && (payload.epoch !== this.#epoch || payload.seq < this.#after);
    if (isNewEpoch) this.#after = null;
    if (payload.seq === 0) this.#after = 0;
    this.#epoch = payload.epoch;
    this.#limits = payload.limits;
    // An anonymous one is to be the same again: references are good for one name.
    this.#username = payload.username;
    this.#attempts = 0;
    if (isNewEpoch) {
      // They ask for places of a sequence that is no more.
      const error = new HallwayError('new_epoch', 'the room has begun anew');
      for (const ref of [...this.#requests.keys()]) this.#settle(this.#requests, ref).reject(error);
    }
    this.#newest = payload.seq;
    const socket = this.#socket;
    this.#emit('welcome', { ...payload, isNewEpoch });
    // A listener may have closed it, and connected again: there nobody has said welcome yet.
    if (this.#socket !== socket) return;
    this.#enter('open');
    this.#flush();
  }

  #message(payload) {
    const { seq } = payload;
    if (this.#after !== null) {
      if (seq <= this.#after) return;
      // The server says so itself; a proxy or a fault between it and here would not.
      if (seq > this.#after + 1) this.#emit('gap', { from: this.#after + 1, to: seq - 1 });
    }
    this.#after = seq;
    this.#emit('message', { ...payload, isReplay: seq <= this.#newest });
  }

  // Sending

  #refuses(message, ref) {
    if (this.#state === 'closed') return closed();
    if (typeof message !== 'string') return new TypeError('a message is a string');
    if (isBroken(message)) return new HallwayError('bad_frame', 'there is half a surrogate pair in the message, which is no text');
    if (message.trim() === '') return new HallwayError('empty_message', 'there is nothing in the message');
    if (!isRef(ref)) {
      return new HallwayError('bad_ref', 'a ref is a string of 1–64 bytes');
    }
    if (this.#outbox.has(ref)) return new HallwayError('bad_ref', `a message with the ref ${ref} is being sent`);
    const size = this.#size(message, ref);
    if (size) return size;
    if (this.#outbox.size < MAX_OUTBOX) return null;
    return new HallwayError('outbox_full', `${MAX_OUTBOX} messages wait to be sent: no more are taken`);
  }

  /** An error where the message does not fit; the server would end the connection. */
  #size(message, ref) {
    const limit = this.#limits?.messageBytes ?? Infinity;
    const bytes = utf8.encode(chatMessage(message, ref)).length;
    if (bytes <= limit) return null;
    return new HallwayError('too_long', `the message takes ${bytes} bytes; ${limit} are allowed`, { bytes, limit });
  }

  #flush() {
    if (this.#state !== 'open') return;
    for (const request of this.#requests.values()) {
      if (!request.isInFlight) this.#transmit(request, JSON.stringify({ type: 'history', payload: request.ask }));
    }
    let inFlight = 0;
    for (const item of [...this.#outbox.values()]) {
      if (inFlight >= MAX_IN_FLIGHT) break;
      // A listener that was told of a failure may have sent, or closed.
      if (this.#outbox.get(item.ref) !== item) continue;
      if (!item.isInFlight) {
        const error = this.#isUncertain(item) ? uncertain() : this.#size(item.message, item.ref);
        if (error) {
          this.#fail(item, error);
          continue;
        }
        item.firstSent ??= Date.now();
        item.as = this.#username;
        this.#transmit(item, chatMessage(item.message, item.ref));
        this.#save();
      }
      inFlight += 1;
    }
  }

  #transmit(entry, frame) {
    entry.isInFlight = true;
    this.#due += 1;
    this.#socket.send(frame);
    if (this.#due === 1) this.#expect(SILENCE);
  }

  /** Whether it was sent before in a way that the server may not recognise: it could be said twice. */
  #isUncertain({ firstSent, as }) {
    return firstSent !== null && (as !== this.#username || Date.now() - firstSent > RESEND_WITHIN);
  }

  #acknowledge({ ref, seq, sentAt }) {
    const item = this.#settle(this.#outbox, ref);
    if (!item) return;
    this.#save();
    item.resolve?.({ seq, sentAt });
    this.#emit('sent', { ref, seq, sentAt, message: item.message });
    this.#flush();
  }

  #fault({ code, text, ref }) {
    const error = new HallwayError(code, text);
    const item = this.#outbox.get(ref);
    if (item) this.#fail(item, error);
    else if (this.#requests.has(ref)) this.#settle(this.#requests, ref).reject(error);
    else this.#emit('error', error);
    this.#flush();
  }

  #fail({ ref, message, reject }, error) {
    this.#settle(this.#outbox, ref);
    this.#save();
    reject?.(error);
    this.#emit('failed', { ref, message, error });
  }

  #settle(entries, ref) {
    const entry = entries.get(ref);
    if (entry?.isInFlight) this.#due -= 1;
    entries.delete(ref);
    return entry;
  }

  // The outbox over reloads

  /** Once for all that one turn of the event loop does, and before anything else can happen. */
  #save() {
    if (!this.#storage || this.#isSaving) return;
    this.#isSaving = true;
    queueMicrotask(() => {
      this.#isSaving = false;
      // When it was closed all was written, and what is left there is for the next time.
      if (this.#state !== 'closed') this.#write();
    });
  }

  #write() {
    const kept = Array.from(this.#outbox.values(), ({ ref, message, firstSent, as }) => ({ ref, message, firstSent, as }));
    try {
      if (kept.length === 0) this.#storage?.removeItem(this.#storageKey);
      else this.#storage?.setItem(this.#storageKey, JSON.stringify(kept));
    } catch {
      // There is no space, or storing is not allowed: they are kept for as long as this page lives.
    }
  }

  #load() {
    for (const item of stored(this.#storage, this.#storageKey)) {
      if (this.#outbox.size < MAX_OUTBOX) this.#outbox.set(item.ref, { ...item, isInFlight: false });
    }
  }

  #emit(type, event) {
    const listeners = this.#listeners.get(type) ?? new Set();
    for (const listener of [...listeners]) {
      try {
        if (listeners.has(listener)) listener(event);
      } catch (error) {
        // One listener's fault is neither the others' nor the connection's; it is reported as any that nobody caught.
        queueMicrotask(() => { throw error; });
      }
    }
  }
}

/** Half a surrogate pair is no text to the server. */
function isBroken(text) {
  return /\p{Surrogate}/u.test(text);
}

function isRef(ref) {
  return typeof ref === 'string' && ref !== '' && utf8.encode(ref).length <= 64 && !isBroken(ref);
}

function chatMessage(message, ref) {
  return JSON.stringify({ type: 'chatMessage', payload: { message, ref } });
}

/** Makes references that no other client makes, also where `crypto.randomUUID` is not: in pages without TLS. */
function refs() {
  const prefix = Array.from(crypto.getRandomValues(new Uint32Array(3)), (part) => part.toString(36)).join('');
  let count = 0;
  return () => `${prefix}.${(count += 1)}`;
}

/** Full jitter: at random from nothing up to a bound, so that those who were cut off together do not come back together. */
function waitAfter(code, attempts) {
  const bound = Math.min(MAX_WAIT, FIRST_WAIT * 2 ** attempts);
  switch (code) {
    // The server shuts down, and is probably started again.
    case 1001: return Math.random() * Math.max(5_000, bound);
    // Refused by policy: not at once.
    case 1008: return MAX_WAIT + Math.random() * MAX_WAIT;
    // It is full, or found this client too slow: after a while.
    case 1013: return 5_000 + Math.random() * bound;
    default: return Math.random() * bound;
  }
}

function closed(code = 1000, reason = '') {
  return new HallwayError('closed', `the connection is closed (${code}${reason && `: ${reason}`})`);
}

function uncertain() {
  return new HallwayError('uncertain', 'the connection was lost before the answer came: the message may have been said, or not');
}

/** A frame of the server; for anything else one of no type, which is ignored as the server does. */
function parsed(data) {
  try {
    const { type, payload } = JSON.parse(data);
    return payload !== null && typeof payload === 'object' ? { type, payload } : {};
  } catch {
    return {};
  }
}

const isText = (value) => typeof value === 'string';
const isNumber = (value) => Number.isSafeInteger(value) && value >= 0;
const isMessage = (message) => isNumber(message?.seq) && isText(message.username) && isText(message.message)
  && !Number.isNaN(Date.parse(message.sentAt));

/** What the payloads have to be (section 3.2 of the protocol): what a server does not say is not believed of what stands between. */
const FRAMES = {
  welcome: ({ username, epoch, seq, limits }) => isText(username) && isText(epoch) && isNumber(seq) && isNumber(limits?.messageBytes),
  chatMessage: isMessage,
  gap: ({ from, to }) => isNumber(from) && isNumber(to) && from <= to,
  userCount: ({ count }) => isNumber(count),
  system: ({ text, usernames = [] }) => isText(text) && Array.isArray(usernames) && usernames.every(isText),
  history: ({ messages, more }) => Array.isArray(messages) && messages.every(isMessage) && typeof more === 'boolean',
  ack: ({ ref, seq }) => isText(ref) && isNumber(seq),
  error: ({ code, text }) => isText(code) && isText(text),
};

function stored(storage, key) {
  try {
    return JSON.parse(storage?.getItem(key) ?? '[]')
      .filter(({ ref, message }) => isRef(ref) && typeof message === 'string')
      .map(({ ref, message, firstSent = null, as }) => ({ ref, message, firstSent, as }));
  } catch {
    return [];
  }
}
