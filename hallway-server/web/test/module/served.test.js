/** What the server serves is what lies here, without what is there for readers alone. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { parse } from 'acorn';

import { startServer } from '../support/server.js';

const FOLDER = new URL('../../', import.meta.url);

/** A program as what it does: without where that stands, and how a text is written. */
function program(source) {
  return JSON.parse(JSON.stringify(
    parse(source, { ecmaVersion: 'latest', sourceType: 'module' }),
    (key, value) => (['start', 'end', 'raw'].includes(key) && typeof value !== 'object' ? undefined : value),
  ));
}

test('each script is served without its comments, and does the same', async (t) => {
  const server = await startServer(t);
  const scripts = (await readdir(new URL('page/', FOLDER))).filter((name) => name.endsWith('.js')).map((name) => `page/${name}`);
  for (const path of ['hallway.js', ...scripts]) {
    const source = await readFile(new URL(path, FOLDER), 'utf8');
    const answer = await fetch(new URL(path, server.page));
    assert.equal(answer.status, 200, path);
    const served = await answer.text();
    assert.deepEqual(program(served), program(source), path);
    assert.ok(served.length < source.length, path);
  }
});
