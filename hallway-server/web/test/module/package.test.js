/** What is published: the package that `npm pack` makes of this folder, and what its README shows. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { connect } from '../../hallway.js';
import { PATIENCE, startServer } from '../support/server.js';
import { WebSocket } from '../support/websocket.js';

const FOLDER = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

test('the example in the README does what it says', async (t) => {
  const readme = await readFile(join(FOLDER, 'README.md'), 'utf8');
  const [, example] = readme.match(/```js\n([^]*?)```/);
  assert.ok(example.trim().split('\n').length <= 10, 'it has ten lines');
  const server = await startServer(t);
  const program = spawn(
    process.execPath,
    ['--import', './test/support/websocket.js', '--input-type=module', '--eval', example.replace('127.0.0.1:8080', server.host)],
    { cwd: FOLDER, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  t.after(() => program.kill());
  const lines = createInterface(program.stdout)[Symbol.asyncIterator]();
  const next = async () => {
    const line = await Promise.race([lines.next(), once(AbortSignal.timeout(PATIENCE), 'abort')]);
    return line.value;
  };
  assert.deepEqual([await next(), await next()], ['(open)', 'echo: Say !echo and something.']);

  const alice = connect(server.url, { username: 'alice', WebSocket });
  t.after(() => alice.close());
  await alice.send('!echo Hello!');
  assert.deepEqual([await next(), await next()], ['alice: !echo Hello!', 'echo: Hello!']);
});

test('the package has the module, its types, its README and its licences, and can be installed and imported', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'hallway-package-'));
  t.after(() => rm(folder, { recursive: true }));
  const npm = (...args) => run('npm', [...args, '--silent', '--offline'], { cwd: FOLDER });
  const { stdout } = await npm('pack', '--json', '--pack-destination', folder);
  // npm 11 gives a list, npm 12 an object by the package's name.
  const [{ filename, files }] = Object.values(JSON.parse(stdout));
  assert.deepEqual(files.map(({ path }) => path).sort(), [
    'LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'hallway.d.ts', 'hallway.js', 'package.json',
  ]);
  await npm('install', '--prefix', folder, '--no-save', join(folder, filename));
  const imported = 'import { connect } from "hallway"; console.log(typeof connect);';
  const { stdout: type } = await run(process.execPath, ['--input-type=module', '--eval', imported], { cwd: folder });
  assert.equal(type, 'function\n');
});
