/**
 * A server that does what a test tells it, and a clock and a chance that stand still: nothing here waits, and nothing is random.
 */
import { connect } from '../../hallway.js';

/** What a server tells of itself where a test does not say otherwise. */
export const LIMITS = { messageBytes: 65_536, messagesPerSecond: 50, burst: 200, history: 100 };

/** All the connections that were tried, and the constructor that makes them. */
export class FakeServer {
  connections = [];

  constructor() {
    const { connections } = this;
    this.WebSocket = class extends FakeWebSocket {
      constructor(url, protocols) {
        super(url, protocols);
        connections.push(this);
      }
    };
  }

  /** The newest connection: the one that counts. */
  get last() { return this.connections.at(-1); }

  /** Accepts the newest connection, and says welcome with what differs from a room that has nothing. */
  welcome(payload) { return this.last.accept().welcome(payload); }
}

/** A connection of the client, with what the server does to it. It refuses what a browser's refuses. */
class FakeWebSocket {
  protocol = '';
  /** The frames that the client sent. */
  sent = [];
  /** The code the client closed it with, `undefined` without one; null while it has not. */
  closedWith = null;
  #state = 'connecting';

  constructor(url, protocols) {
    this.url = new URL(url);
    this.offered = protocols;
  }

  // What the client calls

  send(data) {
    if (this.#state === 'connecting') throw new Error('InvalidStateError: still connecting');
    if (this.#state === 'open') this.sent.push(JSON.parse(data));
  }

  close(code) {
    if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) throw new Error(`InvalidAccessError: ${code}`);
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.closedWith = code;
  }

  // What the server does

  accept(protocol = 'hallway.v2') {
    this.#state = 'open';
    this.protocol = protocol;
    this.onopen({});
    return this;
  }

  /** Says something that may be no frame at all. */
  sayRaw(data) {
    this.onmessage({ data });
    return this;
  }

  say(type, payload) { return this.sayRaw(JSON.stringify({ type, payload })); }

  welcome(payload) {
    const username = this.url.searchParams.get('username') || 'Anon_093000';
    return this.say('welcome', { room: 'lobby', username, epoch: 'E1', seq: 0, resumed: false, limits: LIMITS, ...payload });
  }

  /** Messages of the room, by number. */
  messages(...numbers) {
    for (const seq of numbers) this.say('chatMessage', message(seq));
    return this;
  }

  /** The end of what a joiner is sent. */
  joined() { return this.say('userCount', { count: 1 }); }

  ack(ref, seq) { return this.say('ack', { ref, seq, sentAt: sentAt(seq) }); }

  /** The connection ends, with the code of the server; one that breaks or is refused ends with 1006. */
  end(code = 1006, reason = '') {
    this.#state = 'closed';
    if (code === 1006) this.onerror({});
    this.onclose({ code, reason });
  }

  /** The messages that were sent here, in order. */
  get said() { return this.sent.filter(({ type }) => type === 'chatMessage').map(({ payload }) => payload.message); }
  /** Their references. */
  get refs() { return this.sent.filter(({ type }) => type === 'chatMessage').map(({ payload }) => payload.ref); }
  /** The pages that were asked for here. */
  get asked() { return this.sent.filter(({ type }) => type === 'history').map(({ payload }) => payload); }
}

export function message(seq) {
  return { seq, sentAt: sentAt(seq), username: 'bob', message: `number ${seq}` };
}

export function sentAt(seq) {
  return new Date(Date.UTC(2026, 0, 1) + seq).toISOString();
}

const EVENTS = ['state', 'welcome', 'message', 'gap', 'count', 'notice', 'sent', 'failed', 'error'];

/** A client of a server of its own, and all that it was told, by the event's type. */
export function join(t, options) {
  const clock = stopTime(t);
  const server = new FakeServer();
  return { clock, server, ...client(server, options) };
}

/** One more client of a server. */
export function client(server, options) {
  const chat = connect('ws://chat.example/chat', { WebSocket: server.WebSocket, username: 'alice', ...options });
  const told = Object.fromEntries(EVENTS.map((type) => [type, []]));
  for (const type of EVENTS) chat.on(type, (event) => told[type].push(event));
  return { chat, told };
}

/** Time passes where the test says so. The chance, from 0 to 1, is a half until `clock.chance` says otherwise. */
export function stopTime(t) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.UTC(2026, 0, 1) });
  const clock = { chance: 0.5, pass: (ms) => t.mock.timers.tick(ms) };
  t.mock.method(Math, 'random', () => clock.chance);
  return clock;
}

/** What a `Storage` is to the client, with what is in it for the test to see. */
export function memory(items = {}) {
  return {
    items,
    getItem: (key) => items[key] ?? null,
    setItem: (key, value) => { items[key] = value; },
    removeItem: (key) => { delete items[key]; },
  };
}

/** How a promise ended by now: its value, its error, or the word `pending`. */
export async function outcome(promise) {
  const pending = new Promise((resolve) => { setImmediate(() => resolve('pending')); });
  return Promise.race([promise.catch((error) => error), pending]);
}
