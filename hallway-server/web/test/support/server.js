/**
 * The real server, as a process of its own: `HALLWAY_SERVER` is the path of the program. It ends with the test, however that ends.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** For how long anything of the server is waited for, in ms: long enough for a machine that is busy with other tests. */
export const PATIENCE = 20_000;

/** Without what would be settings of the server: it has the options of the test, and no others. */
const ENVIRONMENT = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(HALLWAY_.*|PORT|RUST_LOG)$/.test(name)),
);

/**
 * Starts a server on a free port of this machine.
 *
 * @param {import('node:test').TestContext} t
 * @param {object} [settings]
 * @param {string[]} [settings.options] As on its command line: `['--history', '10']`.
 * @param {boolean} [settings.stored] Keep the messages in a file, which is there after a restart and goes with the test.
 */
export async function startServer(t, { options = [], stored = false } = {}) {
  const directory = stored ? await mkdtemp(join(tmpdir(), 'hallway-')) : null;
  const data = directory ? join(directory, 'hallway.db') : 'none';
  const server = new Server(['--data', data, ...options]);
  t.after(async () => {
    await server.kill();
    if (directory) await rm(directory, { recursive: true });
  });
  await server.start();
  return server;
}

class Server {
  /** `127.0.0.1:PORT`, the same after a restart. */
  host = '127.0.0.1:0';
  /** What it has logged, over all its lives. */
  log = '';
  #options;
  #process = null;

  constructor(options) {
    this.#options = options;
  }

  /** Of its page. */
  get origin() { return `http://${this.host}`; }
  /** For `connect`. */
  get url() { return `ws://${this.host}/chat`; }

  /** Resolved when it listens. After `kill` or `stop` it starts again, on the port that it had. */
  async start() {
    const program = process.env.HALLWAY_SERVER;
    if (!program) throw new Error('HALLWAY_SERVER is not set: it is the path of the program that `cargo build` makes');
    const child = spawn(program, ['--listen', this.host, ...this.#options], { env: ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'] });
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

  async #end(signal) {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
}
