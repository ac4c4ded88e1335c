/** The real server, as a process of its own: `CHAT_SERVER` is the path of the program. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before } from 'node:test';
import { WebSocket } from 'ws';

/** For how long anything of the server is waited for, in ms: long enough for a machine that is busy with other tests. */
export const PATIENCE = 20_000;

const PROGRAM = process.env.CHAT_SERVER;
/** Without what would be settings of the server: it has the options of the test, and no others. */
const ENVIRONMENT = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(HALLWAY_.*|PORT|RUST_LOG)$/.test(name)),
);

/**
 * Starts a server on a free port of this machine, which ends with the test, however that ends.
 *
 * @param {import('node:test').TestContext} t
 * @param {Settings} [settings]
 *
 * @typedef {object} Settings
 * @property {string[]} [options] As on its command line: `['--history', '10']`.
 * @property {boolean} [stored] Keep the messages in a file, which is there after a restart and goes with the server.
 */
export async function startServer(t, settings) {
  const server = new Server(settings);
  t.after(() => server.end());
  await server.start();
  return server;
}

/** The same for all the tests of the file that this is called in. @param {Settings} [settings] */
export function running(settings) {
  const server = new Server(settings);
  before(() => server.start());
  after(() => server.end());
  return server;
}

class Server {
  /** `127.0.0.1:PORT`, the same after a restart. */
  host = '127.0.0.1:0';
  /** What it has logged, over all its lives. */
  log = '';
  #options;
  #folder = null;
  #data = 'none';
  #process = null;

  constructor({ options = [], stored = false } = {}) {
    if (!PROGRAM) throw new Error('CHAT_SERVER is not set: it is the path of the program that `cargo build` makes');
    this.#options = options;
    if (!stored) return;
    this.#folder = mkdtempSync(join(tmpdir(), 'hallway-'));
    this.#data = join(this.#folder, 'hallway.db');
  }

  /** Of its page. */
  get page() { return `http://${this.host}/`; }
  /** For `connect`. */
  get url() { return `ws://${this.host}/chat`; }

  /** Resolved when it listens. After `kill` or `stop` it starts again, on the port that it had. */
  async start() {
    const args = ['--listen', this.host, '--data', this.#data, ...this.#options];
    const child = spawn(PROGRAM, args, { env: ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    process.on('exit', endNow);
    child.on('exit', () => process.off('exit', endNow));
    function endNow() { child.kill('SIGKILL'); }
    child.stderr.on('data', (text) => { this.log += text; });
    const [line] = await Promise.race([
      once(createInterface(child.stdout), 'line', { signal: AbortSignal.timeout(PATIENCE) }),
      once(child, 'exit').then(([code]) => { throw new Error(`the server ended (${code}) and did not listen:\n${this.log}`); }),
    ]);
    this.host = line.match(/^listening on ws:\/\/([^/]+)\/chat/)[1];
  }

  /** `kill -9`: it has no time to do anything. Resolved when it is gone. */
  kill() { return this.#end('SIGKILL'); }

  /** A shutdown in good order: clients are closed with 1001. Resolved when it is gone. */
  stop() { return this.#end('SIGTERM'); }

  /** For good, with what it kept. */
  async end() {
    await this.kill();
    if (this.#folder) rmSync(this.#folder, { recursive: true });
  }

  /** Puts messages into a room, each as time, name and text. It is started anew for that: who is connected comes back. */
  import(room, messages) {
    const lines = messages.map(([sentAt, username, message], at) => (
      JSON.stringify({ room, epoch: `imported-${room}`, seq: at + 1, sentAt, username, message })));
    return this.#restartAfter(['import'], `${lines.join('\n')}\n`);
  }

  /** Has all that was said under a name erased, likewise. */
  forget(name) { return this.#restartAfter(['forget', name]); }

  /** Somebody who only speaks, in version 1: a function that sends a text. */
  async speaker(room, username) {
    const socket = new WebSocket(`${this.url}?${new URLSearchParams({ room, username })}`);
    await once(socket, 'open');
    after(() => socket.terminate());
    socket.on('message', () => {});
    return (message) => socket.send(JSON.stringify({ type: 'chatMessage', payload: { message } }));
  }

  async #restartAfter(args, input = '') {
    await this.kill();
    const { status, stderr } = spawnSync(PROGRAM, [...args, '--data', this.#data], { env: ENVIRONMENT, input, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${args[0]}: ${stderr}`);
    await this.start();
  }

  async #end(signal) {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
}
