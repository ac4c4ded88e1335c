/** What was to be said is said after a reload of the page, where there is a storage. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { client, FakeServer, memory, outcome, stopTime } from '../support/fake.js';

const KEY = 'hallway:chat.example/chat:lobby:alice';

/** Two lives of a page, with one storage and one server. */
function page(t, outbox) {
  const clock = stopTime(t);
  const server = new FakeServer();
  return { clock, server, open: (options) => client(server, { outbox, ...options }) };
}

/** Storing is done when this turn of the event loop ends. */
const endOfTurn = () => new Promise(setImmediate);

function kept(storage) {
  return JSON.parse(storage.items[KEY] ?? '[]').map(({ ref, message }) => [ref, message]);
}

test('what was not acknowledged is sent by the next page, in order and under the same references', async (t) => {
  const storage = memory();
  const { server, open } = page(t, storage);
  const { chat } = open();
  const first = server.welcome();
  for (const message of ['one', 'two', 'three']) chat.send(message, { ref: `r-${message}` });
  first.ack('r-one', 1);
  await endOfTurn();
  // The page is gone without a word; its connection breaks later.
  const next = open();
  assert.deepEqual(next.chat.outbox, [{ ref: 'r-two', message: 'two' }, { ref: 'r-three', message: 'three' }]);
  next.chat.send('four', { ref: 'r-four' });
  server.welcome();
  assert.deepEqual(server.last.refs, ['r-two', 'r-three', 'r-four']);
  for (const [index, ref] of server.last.refs.entries()) server.last.ack(ref, index + 2);
  assert.deepEqual(next.told.sent.map(({ ref, seq, message }) => [ref, seq, message]), [
    ['r-two', 2, 'two'],
    ['r-three', 3, 'three'],
    ['r-four', 4, 'four'],
  ]);
  await endOfTurn();
  assert.deepEqual(storage.items, {}, 'nothing is left behind');
});

test('what is kept is what waits, at the end of each turn of the event loop', async (t) => {
  const storage = memory();
  const { server, open } = page(t, storage);
  const { chat } = open();
  chat.send('one', { ref: 'r1' });
  chat.send('two', { ref: 'r2' });
  await endOfTurn();
  assert.deepEqual(kept(storage), [['r1', 'one'], ['r2', 'two']]);
  server.welcome();
  server.last.ack('r1', 1);
  await endOfTurn();
  assert.deepEqual(kept(storage), [['r2', 'two']]);
});

test('each room and each name has its own', async (t) => {
  const storage = memory();
  const { server, open } = page(t, storage);
  open().chat.send('for the lobby');
  await endOfTurn();
  for (const other of [{ room: 'garden' }, { username: 'bob' }]) {
    assert.deepEqual(open(other).chat.outbox, []);
  }
  assert.equal(server.connections.length, 3);
});

test('close() rejects what waits, and keeps it for the next time', async (t) => {
  const storage = memory();
  const { server, open } = page(t, storage);
  const { chat, told } = open();
  const hello = chat.send('Hello!', { ref: 'r1' });
  chat.close();
  await assert.rejects(hello, { code: 'closed' });
  await endOfTurn();
  assert.deepEqual(kept(storage), [['r1', 'Hello!']]);
  assert.deepEqual(told.failed, []);
  chat.reconnect();
  server.welcome();
  assert.deepEqual(server.last.said, ['Hello!']);
});

test('what may be the fault for which the server ended the connection is not kept', async (t) => {
  const storage = memory();
  const { server, open } = page(t, storage);
  const { chat, told } = open();
  server.welcome();
  const hello = chat.send('Hello!', { ref: 'r1' });
  await endOfTurn();
  server.last.end(1007);
  await assert.rejects(hello, { code: 'uncertain' });
  await endOfTurn();
  assert.deepEqual(storage.items, {});
  assert.deepEqual(told.failed.map(({ ref }) => ref), ['r1']);
});

test('a message that an earlier page sent over 9.5 minutes ago is told as uncertain, and is not sent', async (t) => {
  const storage = memory();
  const { server, open, clock } = page(t, storage);
  const { chat } = open();
  server.welcome();
  chat.send('sent', { ref: 'r1' });
  await endOfTurn();
  clock.pass(9.5 * 60_000 + 1);
  const next = open();
  server.welcome();
  assert.deepEqual(server.last.said, []);
  assert.deepEqual(next.told.failed.map(({ ref, message, error }) => [ref, message, error.code]), [['r1', 'sent', 'uncertain']]);
  await endOfTurn();
  assert.deepEqual(kept(storage), []);
});

test('what an anonymous one of an earlier page sent is uncertain: the name may be another now', async (t) => {
  const storage = memory();
  const { server, open } = page(t, storage);
  const { chat } = open({ username: undefined });
  server.welcome({ username: 'Anon_093000' });
  chat.send('sent', { ref: 'r1' });
  await endOfTurn();
  const next = open({ username: undefined });
  server.welcome({ username: 'Anon_093005' });
  assert.deepEqual(server.last.said, []);
  assert.deepEqual(next.told.failed.map(({ error }) => error.code), ['uncertain']);
});

const BROKEN = () => { throw new Error('QuotaExceededError'); };
for (const method of ['getItem', 'setItem', 'removeItem']) {
  test(`a storage whose ${method} throws hinders nobody`, async (t) => {
    const { server, open } = page(t, { ...memory(), [method]: BROKEN });
    const { chat } = open();
    const hello = chat.send('Hello!', { ref: 'r1' });
    await endOfTurn();
    server.welcome();
    server.last.ack('r1', 1);
    assert.equal((await hello).seq, 1);
    await endOfTurn();
    const unsaid = chat.send('Bye!');
    chat.close();
    await assert.rejects(unsaid, { code: 'uncertain' });
  });
}

const RUBBISH = [
  '', '{', 'null', '7', '"text"', '{}', '[null]', '[7]', '[[]]', '[{}]', '[{"ref":7,"message":"a"}]', '[{"ref":"r","message":7}]',
  '[{"ref":"","message":"a"}]', `[{"ref":"${'x'.repeat(65)}","message":"a"}]`,
];
for (const rubbish of RUBBISH) {
  test(`a storage that holds ${rubbish.slice(0, 40) || 'nothing at all'} is taken for an empty one`, async (t) => {
    const { server, open } = page(t, memory({ [KEY]: rubbish }));
    const { chat } = open();
    assert.deepEqual(chat.outbox, []);
    server.welcome();
    chat.send('Hello!');
    assert.deepEqual(server.last.said, ['Hello!']);
  });
}

test('of what is stored at most 1,000 messages are taken', (t) => {
  const many = Array.from({ length: 1_001 }, (_, index) => ({ ref: `r${index}`, message: 'a' }));
  const { open } = page(t, memory({ [KEY]: JSON.stringify(many) }));
  assert.equal(open().chat.outbox.length, 1_000);
});

test('without a storage nothing is kept over close()', async (t) => {
  const { server, open } = page(t, undefined);
  const { chat } = open();
  const hello = chat.send('Hello!');
  chat.close();
  await assert.rejects(hello, { code: 'closed' });
  chat.reconnect();
  server.welcome();
  assert.deepEqual(server.last.said, []);
  assert.equal(await outcome(chat.send('Bye!')), 'pending');
});
