/**
 * Joins a room of a Hallway chat server, and stays in it until {@link Chat.close}: when a connection breaks another is made,
 * which goes on where the last one was.
 *
 * Returns at once; what happens is told to listeners ({@link Chat.on}). Those that are added before this turn of the event loop
 * ends miss nothing that comes.
 *
 * @param url Of the server's `/chat`: `ws:` or `wss:`, or `http:` or `https:`, which mean the same here. In a browser it may be
 * relative to the page.
 * @throws RangeError where the room or the name is not one; TypeError where there is no WebSocket; SyntaxError or TypeError where
 * `url` is no URL.
 */
export function connect(url: string | URL, options?: Options): Chat;

export interface Options {
  /** 1–64 characters of `a-z A-Z 0-9 . _ -`. By default `lobby`. */
  room?: string;
  /**
   * The name that is asked for, at most 64 characters. The server decides what it becomes ({@link Chat.username}); without one it is
   * `Anon_` and the time.
   */
  username?: string;
  /**
   * Where messages that are not acknowledged yet are kept, such as `sessionStorage`: after a reload of the page the next
   * connection to the same room under the same name sends them. By default they are in memory alone.
   */
  outbox?: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  /**
   * The constructor of connections, where there is no global one or another is wanted: `ws` in Node before 22.
   */
  WebSocket?: new (url: string, protocols: string[]) => WebSocketLike;
}

/** What is used of a WebSocket. */
export interface WebSocketLike {
  readonly protocol: string;
  onopen: unknown;
  onmessage: unknown;
  onerror: unknown;
  onclose: unknown;
  send(data: string): void;
  close(code?: number): void;
}

/** A membership of a room, over as many connections as it takes. */
export class Chat {
  private constructor();

  /** The room it is in. */
  readonly room: string;
  /** The name the server gave; before the first `welcome` the one that was asked for. */
  get username(): string;
  get state(): State;
  /** What the server takes; null before the first `welcome`. */
  get limits(): Limits | null;
  /** What was to be sent and is not acknowledged yet, oldest first. */
  get outbox(): { ref: string; message: string }[];

  /** Calls `listener` for each event of this type, in order, until the function that is returned is called. */
  on<Type extends keyof Events>(type: Type, listener: (event: Events[Type]) => void): () => void;

  /**
   * Sends a message. The promise is fulfilled when the server has given it its place in the room and, where it has a store, stored
   * it. While there is no connection it waits, and after a reconnect it is sent again under the same reference, so that it is said
   * once. Messages keep their order.
   *
   * Rejected with a {@link HallwayError}, and then the message was not said, except with `uncertain`, and except that an
   * {@link Options.outbox} keeps what {@link close} leaves for the next time; with a TypeError where it is no text. Wait for it or catch it: what nobody catches ends a Node program. What fails later than at once is told as `failed`, too.
   *
   * @param options `ref`, 1–64 bytes: what this message is called, to send one again that failed as `unavailable` without saying
   * it twice. By default one is made up.
   */
  send(message: string, options?: { ref?: string }): Promise<Acknowledgement>;

  /**
   * A page of the room's history: the newest `limit` messages (1–200, by default 50) before the one with number `before`, by default
   * the newest there are; oldest first. A page may be shorter than asked for: `more` says whether there are older ones. Asked again
   * after a reconnect.
   */
  history(page?: { before?: number; limit?: number }): Promise<Page>;

  /** Connects now, where it waits for its next attempt or is closed. */
  reconnect(): void;

  /**
   * Leaves, until {@link reconnect}. What was not sent is rejected as `closed`, and as `uncertain` what was sent and not acknowledged;
   * where there is an {@link Options.outbox} both stay in it for the next time.
   */
  close(): void;
}

/**
 * - `connecting`: there was no connection yet.
 * - `open`: in the room.
 * - `resuming`: the connection was lost; another is being made or waited for.
 * - `closed`: by {@link Chat.close}, or by the server for a fault that coming back would repeat. Nothing happens any more until
 *   {@link Chat.reconnect}.
 */
export type State = "connecting" | "open" | "resuming" | "closed";

export interface Events {
  state: StateChange;
  /** In the room, on a new connection. Comes before its messages. */
  welcome: Welcome;
  /** A message of the room, its sender's own included: each once, in the order of their numbers. */
  message: Message & {
    /** It was said before this connection was made. */
    isReplay: boolean;
  };
  /** Messages that will not come, because they are no longer kept or this client was too slow. {@link Chat.history} may have them. */
  gap: { from: number; to: number };
  /** How many members the room has. */
  count: { count: number };
  /** Who came or went. `usernames` is empty where many did. */
  notice: { text: string; event: "joined" | "left" | "notice"; usernames: string[] };
  /** A message of this client is in the room. */
  sent: Acknowledgement & { ref: string; message: string };
  /** A message of this client is not: `send` was rejected, or it came from the outbox and nobody waits for it. */
  failed: { ref: string; message: string; error: HallwayError };
  /** The server found a fault that belongs to no message and no page. */
  error: HallwayError;
}

export interface StateChange {
  state: State;
  /** Of the connection that ended (RFC 6455 section 7.4); 1006 where it broke. */
  code?: number;
  reason?: string;
  /** Milliseconds until the next attempt, where there is one to be waited for. */
  retryIn?: number;
}

export interface Welcome {
  room: string;
  username: string;
  /** The life of the room's numbering. In another one the same number is another message. */
  epoch: string;
  /** Number of the newest message, 0 for none. */
  seq: number;
  /** What comes goes on where the last connection ended. */
  resumed: boolean;
  limits: Limits;
  /** The numbering began anew since the last connection: the server lost what it had. */
  isNewEpoch: boolean;
}

export interface Limits {
  messageBytes: number;
  messagesPerSecond: number;
  burst: number;
  history: number;
}

/** A message that was erased has an empty name and an empty text. */
export interface Message {
  /** Its place in the room: 1, 2, 3, … */
  seq: number;
  /** The server's time, ISO 8601 in UTC. */
  sentAt: string;
  username: string;
  message: string;
}

export interface Acknowledgement {
  seq: number;
  sentAt: string;
}

export interface Page {
  messages: Message[];
  more: boolean;
}

export class HallwayError extends Error {
  constructor(code: string, message: string, details?: object);
  /**
   * The protocol's: `empty_message`, `unavailable` (the store does not take it; it may be sent again), `bad_frame`, `bad_json`; or
   * - `too_long`: more bytes than the server takes ({@link bytes}, {@link limit}).
   * - `uncertain`: it was sent and no answer came; and it was closed, or so much time has passed, or the name has changed, that sending
   *   it again could say it twice. Under the same `ref`, name and within 10 minutes it is said once.
   * - `outbox_full`, `too_many`: 1,000 messages, 16 pages are being waited for.
   * - `bad_ref`: the reference is none, or in use.
   * - `new_epoch`: the room began anew while a page of what was before was asked for.
   * - `closed`.
   */
  readonly code: string;
  /** With `too_long`: what it would take as it is sent. */
  readonly bytes?: number;
  /** With `too_long`: what the server allows. */
  readonly limit?: number;
}
