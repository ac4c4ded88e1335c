/** Pages of what was said before. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { join, message, outcome } from '../support/fake.js';

test('a page is asked for, and given as the server gives it', async (t) => {
  const { chat, told, server } = join(t);
  server.welcome({ seq: 200 });
  const page = chat.history({ before: 90, limit: 2 });
  const [{ ref }] = server.last.asked;
  assert.deepEqual(server.last.asked, [{ before: 90, limit: 2, ref }]);
  server.last.say('history', { ref, messages: [message(88), message(89)], more: true });
  assert.deepEqual(await page, { messages: [message(88), message(89)], more: true });
  assert.deepEqual(told.message, [], 'a page is told to who asked');
});

test('without arguments the newest page is asked for', (t) => {
  const { chat, server } = join(t);
  server.welcome();
  chat.history();
  assert.deepEqual(Object.keys(server.last.asked[0]), ['ref']);
});

test('each page goes to who asked for it', async (t) => {
  const { chat, server } = join(t);
  server.welcome();
  const pages = [chat.history({ before: 10 }), chat.history({ before: 20 })];
  const [ten, twenty] = server.last.asked;
  server.last.say('history', { ref: 'nobody', messages: [], more: false });
  server.last.say('history', { ref: twenty.ref, messages: [message(19)], more: true });
  server.last.say('history', { ref: ten.ref, messages: [message(9)], more: true });
  assert.deepEqual((await Promise.all(pages)).map(({ messages }) => messages[0].seq), [9, 19]);
});

test('a page that the server refuses is rejected with its words', async (t) => {
  const { chat, told, server } = join(t);
  server.welcome();
  const page = chat.history({ limit: 500 });
  server.last.say('error', { code: 'bad_frame', text: 'the limit is at most 200', ref: server.last.asked[0].ref });
  await assert.rejects(page, { name: 'HallwayError', code: 'bad_frame', message: 'the limit is at most 200' });
  assert.deepEqual(told.error, [], 'the fault belongs to a page');
});

test('a page is asked for when the room is joined, and again after a reconnect', async (t) => {
  const { chat, server, clock } = join(t);
  const page = chat.history({ before: 5 });
  server.last.end();
  clock.pass(500);
  server.welcome({ seq: 9 });
  const [first] = server.last.asked;
  server.last.end();
  clock.pass(500);
  server.welcome({ seq: 9 });
  assert.deepEqual(server.last.asked, [first]);
  assert.equal(await outcome(page), 'pending');
  server.last.say('history', { ref: first.ref, messages: [], more: false });
  assert.deepEqual(await page, { messages: [], more: false });
});

test('a page of a room that has begun anew is rejected: its numbers are other messages now', async (t) => {
  const { chat, server, clock } = join(t);
  server.welcome({ epoch: 'E1', seq: 9 });
  const page = chat.history({ before: 5 });
  server.last.end();
  clock.pass(500);
  server.welcome({ epoch: 'E2', seq: 9 });
  await assert.rejects(page, { code: 'new_epoch' });
  assert.deepEqual(server.last.asked, []);
});

test('at most 16 pages are waited for: one more is refused, until one has come', async (t) => {
  const { chat, server } = join(t);
  server.welcome();
  for (let count = 0; count < 16; count += 1) chat.history();
  await assert.rejects(chat.history(), { code: 'too_many' });
  server.last.say('history', { ref: server.last.asked[0].ref, messages: [], more: false });
  chat.history();
  assert.equal(server.last.asked.length, 17);
});

test('a connection that does not bring a page within 20 s is given up', (t) => {
  const { chat, server, clock } = join(t);
  server.welcome();
  chat.history();
  clock.pass(20_000);
  assert.equal(chat.state, 'resuming');
});

test('a page that is none is rejected, and is not asked for again and again', async (t) => {
  for (const broken of [{}, { messages: null }, { messages: [null], more: true }, { messages: [message(1)] }, { messages: 7, more: false }]) {
    const { chat, server, clock } = join(t);
    server.welcome({ seq: 9 });
    const page = chat.history();
    server.last.say('history', { ref: server.last.asked[0].ref, ...broken });
    await assert.rejects(page, { code: 'bad_frame' });
    clock.pass(20_000);
    assert.equal(chat.state, 'open');
    t.mock.reset();
    t.mock.timers.reset();
  }
});
