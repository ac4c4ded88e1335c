/** What the server serves is what lies here, without what is there for readers alone. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { parse } from 'acorn';

import { startServer } from '../support/server.js';

const FOLDER = new URL('../../', import.meta.url);

/** A module as the statements of which it is made: without where each stands, and how a text is written. */
function statements(source) {
  const program = parse(source, { ecmaVersion: 'latest', sourceType: 'module' });
  return JSON.parse(JSON.stringify(program.body, (key, value) => (
    ['start', 'end', 'raw'].includes(key) && typeof value !== 'object' ? undefined : value)));
}

async function served(server, path) {
  const answer = await fetch(new URL(path, server.page));
  assert.equal(answer.status, 200, path);
  return answer.text();
}

const source = (path) => readFile(new URL(path, FOLDER), 'utf8');

test('the module is served without its comments, and does the same', async (t) => {
  const script = await served(await startServer(t), 'hallway.js');
  assert.deepEqual(statements(script), statements(await source('hallway.js')));
  assert.ok(script.length < (await source('hallway.js')).length);
});

test('the scripts of the page are served as one, which has all that is in them, each behind what it imports', async (t) => {
  const script = statements(await served(await startServer(t), 'page/page.js'));
  const parts = (await readdir(new URL('page/', FOLDER))).filter((name) => name.endsWith('.js'));
  let length = 0;
  const starts = new Map();
  const imported = [];
  for (const name of parts) {
    const own = statements(await source(`page/${name}`)).flatMap((statement) => {
      if (statement.type === 'ImportDeclaration' && statement.source.value.startsWith('./')) {
        imported.push([name, statement.source.value.slice(2)]);
        return [];
      }
      return [statement.declaration ?? statement];
    });
    const start = script.findIndex((statement) => JSON.stringify(statement) === JSON.stringify(own[0]));
    starts.set(name, start);
    assert.deepEqual(script.slice(start, start + own.length), own, name);
    length += own.length;
  }
  assert.equal(script.length, length);
  for (const [name, before] of imported) assert.ok(starts.get(before) < starts.get(name), `${before} before ${name}`);
});
