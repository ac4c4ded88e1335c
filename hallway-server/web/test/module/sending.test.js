/** What becomes of a message: in the room once, or refused with a reason. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { client, join, LIMITS, outcome, sentAt } from '../support/fake.js';

const MINUTE = 60_000;

/** Loses the connection, and has the next one tried. */
function reconnect({ server, clock }) {
  server.last.end();
  clock.pass(500);
}

function numbered(count) {
  return Array.from({ length: count }, (_, index) => `message ${index + 1}`);
}

test('a message is sent when the room is joined, and settled by the acknowledgement', async (t) => {
  const { chat, told, server } = join(t);
  const hello = chat.send('Hello!');
  server.last.accept();
  assert.deepEqual(server.last.sent, [], 'not before the welcome');
  server.last.welcome();
  const [ref] = server.last.refs;
  assert.deepEqual(server.last.sent, [{ type: 'chatMessage', payload: { message: 'Hello!', ref } }]);
  assert.deepEqual(chat.outbox, [{ ref, message: 'Hello!' }]);
  assert.equal(await outcome(hello), 'pending');
  server.last.ack(ref, 7);
  assert.deepEqual(await hello, { seq: 7, sentAt: sentAt(7) });
  assert.deepEqual(told.sent, [{ ref, seq: 7, sentAt: sentAt(7), message: 'Hello!' }]);
  assert.deepEqual(chat.outbox, []);
});

test('the message is sent as it is, and is not trimmed', (t) => {
  const { chat, server } = join(t);
  server.welcome();
  chat.send('  <b>é👋</b>\n');
  assert.deepEqual(server.last.said, ['  <b>é👋</b>\n']);
});

test('acknowledgements settle the messages that they name, in any order, and once', async (t) => {
  const { chat, told, server } = join(t);
  server.welcome();
  const sent = ['a', 'b'].map((message) => chat.send(message, { ref: message }));
  server.last.ack('b', 2).ack('b', 3).ack('nobody', 4).ack('a', 1);
  assert.deepEqual((await Promise.all(sent)).map(({ seq }) => seq), [1, 2]);
  assert.deepEqual(told.sent.map(({ ref }) => ref), ['b', 'a']);
});

test('what was not acknowledged is sent again after a reconnect, under the same reference and in order', async (t) => {
  const client = join(t);
  const { chat, server } = client;
  const first = server.welcome();
  const sent = ['one', 'two', 'three'].map((message) => chat.send(message));
  first.ack(first.refs[0], 1);
  reconnect(client);
  sent.push(chat.send('four'));
  server.welcome();
  assert.deepEqual(server.last.said, ['two', 'three', 'four']);
  assert.deepEqual(server.last.refs.slice(0, 2), first.refs.slice(1));
  for (const [index, ref] of server.last.refs.entries()) server.last.ack(ref, index + 2);
  assert.deepEqual((await Promise.all(sent)).map(({ seq }) => seq), [1, 2, 3, 4]);
});

test('every message has a reference of its own, also those of two clients', (t) => {
  const { chat, server } = join(t);
  const other = client(server);
  for (const connection of server.connections) connection.accept().welcome();
  for (const message of numbered(3)) {
    chat.send(message);
    other.chat.send(message);
  }
  const refs = server.connections.flatMap((connection) => connection.refs);
  assert.equal(new Set(refs).size, 6);
});

test('at most 128 messages are on their way, and each acknowledgement lets the next one go', (t) => {
  const client = join(t);
  const { chat, server } = client;
  numbered(200).forEach((message) => chat.send(message));
  server.welcome();
  assert.deepEqual(server.last.said, numbered(128));
  server.last.ack(server.last.refs[50], 1);
  assert.deepEqual(server.last.said, numbered(129));
  chat.send('last');
  assert.deepEqual(server.last.said, numbered(129));
  reconnect(client);
  server.welcome();
  assert.deepEqual(server.last.said, numbered(129).filter((_, index) => index !== 50));
});

test('at most 1,000 messages wait: one more is refused, until one is acknowledged', async (t) => {
  const { chat, server } = join(t);
  numbered(1_000).forEach((message) => chat.send(message));
  await assert.rejects(chat.send('one too many'), { code: 'outbox_full' });
  server.welcome();
  server.last.ack(server.last.refs[0], 1);
  chat.send('one more');
  assert.equal(chat.outbox.length, 1_000);
});

test('a message that takes more bytes than the server allows is refused, with both figures, and is not sent', async (t) => {
  const { chat, told, server } = join(t);
  server.welcome({ limits: { ...LIMITS, messageBytes: 100 } });
  const bytes = (message) => Buffer.byteLength(JSON.stringify({ type: 'chatMessage', payload: { message, ref: 'r' } }));
  const fitting = 'é'.repeat((100 - bytes('')) / 2);
  const tooLong = `${fitting}é`;
  assert.ok(bytes(fitting) <= 100 && bytes(tooLong) > 100);
  await assert.rejects(chat.send(tooLong, { ref: 'r' }), { code: 'too_long', bytes: bytes(tooLong), limit: 100 });
  assert.deepEqual(server.last.said, []);
  assert.deepEqual(chat.outbox, []);
  assert.deepEqual(told.failed, [], 'who called is told, and nobody else');
  chat.send(fitting, { ref: 'r' });
  assert.deepEqual(server.last.said, [fitting]);
});

test('a message that was given before the limit was known is refused when it is, and those behind it are sent', async (t) => {
  const { chat, told, server } = join(t);
  const tooLong = chat.send('x'.repeat(200), { ref: 'long' });
  chat.send('short');
  server.welcome({ limits: { ...LIMITS, messageBytes: 100 } });
  await assert.rejects(tooLong, { code: 'too_long', limit: 100 });
  assert.deepEqual(server.last.said, ['short']);
  assert.deepEqual(told.failed.map(({ ref, error }) => [ref, error.code]), [['long', 'too_long']]);
});

test('what is no message, or no reference, is refused at once', async (t) => {
  const { chat, server } = join(t);
  server.welcome();
  for (const empty of ['', ' \n\t']) await assert.rejects(chat.send(empty), { code: 'empty_message' });
  for (const none of [undefined, null, 7, {}]) await assert.rejects(chat.send(none), TypeError);
  for (const ref of ['', 'x'.repeat(65), 'é'.repeat(33), 7, null, '\ud800']) {
    await assert.rejects(chat.send('Hello!', { ref }), { code: 'bad_ref' });
  }
  await assert.rejects(chat.send('half \ud800'), { code: 'bad_frame', message: /half a surrogate pair/ });
  chat.send('Hello!', { ref: 'é'.repeat(32) });
  await assert.rejects(chat.send('Hello again!', { ref: 'é'.repeat(32) }), { code: 'bad_ref' }, 'it is in use');
  assert.deepEqual(server.last.said, ['Hello!']);
});

test('a message that the server refuses is rejected with its words, and told as failed', async (t) => {
  const { chat, told, server } = join(t);
  server.welcome();
  const refused = chat.send('Hello!', { ref: 'c1' });
  server.last.say('error', { code: 'unavailable', text: 'the store is full', ref: 'c1' });
  await assert.rejects(refused, { name: 'HallwayError', code: 'unavailable', message: 'the store is full' });
  assert.deepEqual(told.failed.map(({ ref, message, error }) => [ref, message, error.code]), [['c1', 'Hello!', 'unavailable']]);
  assert.deepEqual(told.error, [], 'the fault belongs to a message');
  assert.deepEqual(chat.outbox, []);
  const again = chat.send('Hello!', { ref: 'c1' });
  assert.deepEqual(server.last.refs, ['c1', 'c1'], 'it may be sent again under its reference');
  server.last.ack('c1', 1);
  assert.equal((await again).seq, 1);
});

for (const [passed, isUncertain] of [[9.5 * MINUTE, false], [9.5 * MINUTE + 1, true]]) {
  test(`${passed} ms after it was sent a message is ${isUncertain ? 'uncertain' : 'sent again'}`, async (t) => {
    const { chat, told, server, clock } = join(t);
    server.welcome();
    const maybe = chat.send('maybe', { ref: 'm' });
    // Nobody answers, for as long as it takes.
    clock.pass(passed);
    const unsent = chat.send('not sent before', { ref: 'n' });
    if (server.last.closedWith !== null) chat.reconnect();
    server.welcome();
    assert.deepEqual(server.last.said, isUncertain ? ['not sent before'] : ['maybe', 'not sent before']);
    if (isUncertain) await assert.rejects(maybe, { code: 'uncertain' });
    else assert.equal(await outcome(maybe), 'pending');
    assert.deepEqual(told.failed.map(({ ref }) => ref), isUncertain ? ['m'] : []);
    assert.equal(await outcome(unsent), 'pending');
  });
}

test('a message that was sent under another name is uncertain', async (t) => {
  const client = join(t, { username: undefined });
  const { chat, server } = client;
  server.welcome({ username: 'Anon_093000' });
  const maybe = chat.send('maybe');
  reconnect(client);
  const unsent = chat.send('not sent before');
  server.welcome({ username: 'Anon_093000_2' });
  await assert.rejects(maybe, { code: 'uncertain' });
  assert.deepEqual(server.last.said, ['not sent before']);
  assert.equal(await outcome(unsent), 'pending');
});

test('where the server ends the connection for a fault, what it may be the fault of is rejected and told as failed', async (t) => {
  const { chat, told, server } = join(t);
  server.welcome();
  const messages = Array.from({ length: 129 }, (_, index) => chat.send('Hello!', { ref: `c${index + 1}` }));
  server.last.end(1009, 'too big');
  // One that was sent may have been said, and one that was not was not.
  await assert.rejects(messages[0], { code: 'uncertain' });
  await assert.rejects(messages[128], { code: 'closed', message: 'the connection is closed (1009: too big)' });
  await Promise.allSettled(messages);
  assert.deepEqual(told.failed.map(({ error }) => error.code), [...Array(128).fill('uncertain'), 'closed']);
  assert.deepEqual([told.failed[0].ref, told.failed[0].message], ['c1', 'Hello!']);
  chat.reconnect();
  server.welcome();
  assert.deepEqual(server.last.said, [], 'it is not sent again');
});

test('a listener that is told of a failure may send, and close', async (t) => {
  const { chat, server } = join(t);
  const lost = [chat.send('x'.repeat(200)), chat.send('next')];
  chat.on('failed', () => chat.close());
  server.welcome({ limits: { ...LIMITS, messageBytes: 100 } });
  await assert.rejects(lost[0], { code: 'too_long' });
  await assert.rejects(lost[1], { code: 'closed' });
  assert.deepEqual(server.last.said, []);
});
