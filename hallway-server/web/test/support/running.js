/** A server that really runs, for the tests of one file. */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { WebSocket } from 'ws';

const PROGRAM = process.env.HALLWAY_SERVER;
/** Without settings of this machine's, and without ours, which is none of the server's. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('HALLWAY_') && name !== 'PORT'));
if (!PROGRAM) throw new Error('HALLWAY_SERVER is to be the path of the server’s program');

/** A server with a file, for all tests of the file this is called in. */
export function running(settings = {}) {
  const server = new Server(settings);
  before(() => server.start());
  after(() => server.end());
  return server;
}

class Server {
  #options;
  #folder = mkdtempSync(join(tmpdir(), 'hallway-'));
  #data;
  #others = [];
  #process;
  #port;

  /** @param {{ data?: string, options?: string[] }} settings `data`: `none` for a server that remembers nothing */
  constructor({ data, options = [] }) {
    this.#data = data ?? join(this.#folder, 'data');
    this.#options = options;
  }

  get page() { return `http://127.0.0.1:${this.#port}/`; }

  async start() {
    this.#port ??= await freePort();
    const args = ['--listen', `127.0.0.1:${this.#port}`, '--data', this.#data, ...this.#options];
    this.#process = spawn(PROGRAM, args, { env, stdio: ['ignore', 'pipe', 'ignore'] });
    for await (const line of this.#process.stdout) if (/listening/.test(line)) break;
  }

  /** At once, as a crash would end it. */
  kill() { return this.#end('SIGKILL'); }

  /** In order. */
  stop() { return this.#end('SIGTERM'); }

  async #end(signal) {
    if (!this.#process || this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill(signal);
    await once(this.#process, 'exit');
  }

  /** Another one, ended with this. */
  other(settings) {
    const other = new Server(settings);
    this.#others.push(other);
    return other;
  }

  /** Puts messages into a room, each as time, name and text. It is started anew for that: who is connected comes back. */
  import(room, messages) {
    const lines = messages.map(([sentAt, username, message], at) => (
      JSON.stringify({ room, epoch: `imported-${room}`, seq: at + 1, sentAt, username, message })));
    return this.#run(['import', '--data', this.#data], `${lines.join('\n')}\n`);
  }

  forget(name) {
    return this.#run(['forget', '--data', this.#data, name]);
  }

  async #run(args, input = '') {
    await this.kill();
    const { status, stderr } = spawnSync(PROGRAM, args, { env, input, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${args[0]}: ${stderr}`);
    await this.start();
  }

  /** Somebody who only speaks: a function that sends a text. */
  async speaker(room, username) {
    const socket = new WebSocket(`ws://127.0.0.1:${this.#port}/chat?${new URLSearchParams({ room, username })}`);
    await once(socket, 'open');
    after(() => socket.terminate());
    socket.on('message', () => {});
    return (message) => socket.send(JSON.stringify({ type: 'chatMessage', payload: { message } }));
  }

  async end() {
    for (const other of this.#others) await other.end();
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
