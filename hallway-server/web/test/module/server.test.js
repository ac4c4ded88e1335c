/** The client and the real server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { connect } from '../../hallway.js';
import { PATIENCE, startServer } from '../support/server.js';
import { CONSTRUCTORS } from '../support/websocket.js';

/** Joins, and is closed with the test. Notes the messages and the gaps that it is told. */
function join(t, server, WebSocket, options) {
  const chat = connect(server.url, { WebSocket, ...options });
  t.after(() => chat.close());
  const heard = { messages: [], gaps: [] };
  chat.on('message', (message) => heard.messages.push(message));
  chat.on('gap', (gap) => heard.gaps.push(gap));
  return { chat, heard, texts: () => heard.messages.map(({ message }) => message) };
}

/** Resolved with the first event that `fits`; a missing one fails, and does not hang. */
function next(chat, type, fits = () => true) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no such "${type}" came within ${PATIENCE} ms`)), PATIENCE);
    const off = chat.on(type, (event) => {
      if (!fits(event)) return;
      clearTimeout(timer);
      off();
      resolve(event);
    });
  });
}

const opened = (chat) => next(chat, 'state', ({ state }) => state === 'open');

for (const [name, WebSocket] of Object.entries(CONSTRUCTORS)) {
  test(`two talk, each hears both in one order, under the names that the server gave (${name})`, async (t) => {
    const server = await startServer(t);
    const alice = join(t, server, WebSocket, { username: '  alice\u202e ' });
    const bob = join(t, server, WebSocket, { username: 'bob' });
    const nobody = join(t, server, WebSocket);
    await Promise.all([alice, bob, nobody].map(({ chat }) => opened(chat)));
    assert.equal(alice.chat.username, 'alice');
    assert.match(nobody.chat.username, /^Anon_\d{6}$/);
    const last = next(bob.chat, 'message', ({ message }) => message === 'Bye!');
    const lastToAlice = next(alice.chat, 'message', ({ message }) => message === 'Bye!');
    const sent = [await alice.chat.send('Hello!'), await bob.chat.send('Hi!'), await alice.chat.send('Bye!')];
    await Promise.all([last, lastToAlice]);
    assert.deepEqual(
      bob.heard.messages.map(({ seq, sentAt, username, message }) => [seq, sentAt, username, message]),
      [['alice', 'Hello!'], ['bob', 'Hi!'], ['alice', 'Bye!']].map((said, index) => [index + 1, sent[index].sentAt, ...said]),
    );
    assert.deepEqual(alice.heard, bob.heard);
  });

  test(`who comes and goes, and how many there are, is told (${name})`, async (t) => {
    const server = await startServer(t);
    const { chat } = join(t, server, WebSocket, { username: 'alice' });
    await next(chat, 'count', ({ count }) => count === 1);
    const two = next(chat, 'count', ({ count }) => count === 2);
    const joined = next(chat, 'notice', ({ event, usernames }) => event === 'joined' && usernames[0] === 'bob');
    const bob = join(t, server, WebSocket, { username: 'bob' });
    await Promise.all([two, joined]);
    const left = next(chat, 'notice', ({ event }) => event === 'left');
    const one = next(chat, 'count', ({ count }) => count === 1);
    bob.chat.close();
    assert.deepEqual(await left, { text: 'bob left', event: 'left', usernames: ['bob'] });
    await one;
  });

  test(`a server that is killed and started again in the middle of a talk loses nothing and doubles nothing (${name})`, async (t) => {
    const server = await startServer(t, { stored: true });
    const alice = join(t, server, WebSocket, { username: 'alice' });
    const bob = join(t, server, WebSocket, { username: 'bob' });
    await Promise.all([opened(alice.chat), opened(bob.chat)]);
    const count = 300;
    const expected = Array.from({ length: count }, (_, index) => `number ${index}`);
    const everything = [alice, bob].map(({ chat }) => next(chat, 'message', ({ message }) => message === expected.at(-1)));
    const acknowledged = [];
    for (let round = 0; round < 3; round += 1) {
      const batch = expected.slice(round * 100, (round + 1) * 100);
      acknowledged.push(...batch.map((message) => alice.chat.send(message)));
      // Some are acknowledged, others are not, when it is killed; the last batch is said in peace.
      if (round === 2) break;
      await acknowledged[round * 100 + 10];
      await server.kill();
      await server.start();
    }
    const acks = await Promise.all(acknowledged);
    await Promise.all(everything);
    assert.deepEqual(acks.map(({ seq }) => seq), expected.map((_, index) => index + 1));
    for (const member of [alice, bob]) {
      assert.deepEqual(member.texts(), expected);
      assert.deepEqual(member.heard.messages.map(({ seq }) => seq), acks.map(({ seq }) => seq));
      assert.deepEqual(member.heard.gaps, []);
    }
  });

  test(`who was away for longer than the server keeps is told the gap (${name})`, async (t) => {
    const server = await startServer(t, { options: ['--history', '10'] });
    const alice = join(t, server, WebSocket, { username: 'alice' });
    const first = next(alice.chat, 'message');
    await alice.chat.send('first');
    await first;
    alice.chat.close();
    const bob = join(t, server, WebSocket, { username: 'bob' });
    for (let number = 2; number <= 50; number += 1) await bob.chat.send(`number ${number}`);
    const last = next(alice.chat, 'message', ({ seq }) => seq === 50);
    alice.chat.reconnect();
    await last;
    const [{ from, to }, ...more] = alice.heard.gaps;
    assert.deepEqual([from, more], [2, []]);
    const [, ...rest] = alice.heard.messages.map(({ seq }) => seq);
    assert.deepEqual(rest, Array.from({ length: 50 - to }, (_, index) => to + 1 + index));
  });

  test(`a server that lost everything begins anew, which is told (${name})`, async (t) => {
    const server = await startServer(t);
    const alice = join(t, server, WebSocket, { username: 'alice' });
    const first = next(alice.chat, 'message');
    await alice.chat.send('before');
    await first;
    await server.kill();
    const welcome = next(alice.chat, 'welcome');
    await server.start();
    assert.equal((await welcome).isNewEpoch, true);
    const second = next(alice.chat, 'message');
    assert.equal((await alice.chat.send('after')).seq, 1);
    await second;
    assert.deepEqual(alice.texts(), ['before', 'after']);
  });

  test(`over 1,000 messages are paged back to the first (${name})`, async (t) => {
    const server = await startServer(t, { stored: true, options: ['--rate', '100000', '--burst', '100000'] });
    const alice = join(t, server, WebSocket, { username: 'alice' });
    const count = 1_050;
    for (let sent = 0; sent < count; sent += 525) {
      await Promise.all(Array.from({ length: 525 }, (_, index) => alice.chat.send(`number ${sent + index + 1}`)));
    }
    const seqs = [];
    for (let page = { more: true }; page.more; seqs.unshift(...page.messages.map(({ seq }) => seq))) {
      page = await alice.chat.history({ before: seqs[0], limit: 200 });
      assert.ok(page.messages.length > 0 || !page.more, 'a page that has nothing is the last one');
    }
    assert.deepEqual(seqs, Array.from({ length: count }, (_, index) => index + 1));
  });

  test(`what is over the limit is refused before it is sent, and what is just within it is said (${name})`, async (t) => {
    const server = await startServer(t, { options: ['--max-message-bytes', '1000'] });
    const { chat, heard } = join(t, server, WebSocket, { username: 'alice' });
    await opened(chat);
    const states = [];
    chat.on('state', ({ state }) => states.push(state));
    const refused = await chat.send('x'.repeat(1_000), { ref: 'r' }).catch((error) => error);
    assert.deepEqual([refused.code, refused.limit], ['too_long', 1_000]);
    const fitting = 'x'.repeat(1_000 - (refused.bytes - 1_000));
    const said = next(chat, 'message');
    await chat.send(fitting, { ref: 'r' });
    await said;
    assert.deepEqual(heard.messages.map(({ message }) => message), [fitting]);
    assert.deepEqual(states, [], 'the connection stays');
  });

  test(`a message that was given too early to be measured does not end the connection either (${name})`, async (t) => {
    const server = await startServer(t, { options: ['--max-message-bytes', '1000'] });
    const { chat } = join(t, server, WebSocket, { username: 'alice' });
    await assert.rejects(chat.send('x'.repeat(2_000)), { code: 'too_long' });
    assert.equal((await chat.send('short')).seq, 1);
  });

  test(`half a surrogate pair, and a page that cannot be, are refused, and the connection stays (${name})`, async (t) => {
    const server = await startServer(t);
    const { chat } = join(t, server, WebSocket, { username: 'alice' });
    await assert.rejects(chat.send('half \ud800'), { code: 'bad_frame' });
    for (const page of [{ limit: 0 }, { limit: 201 }, { before: -1 }, { before: 1.5 }]) {
      await assert.rejects(chat.history(page), { code: 'bad_frame' });
    }
    assert.equal((await chat.send('Hello!')).seq, 1);
  });

  test(`a shutdown is told as 1001, and the server that follows is found (${name})`, async (t) => {
    const server = await startServer(t, { stored: true });
    const { chat } = join(t, server, WebSocket, { username: 'alice' });
    await chat.send('before');
    const lost = next(chat, 'state', ({ state }) => state === 'resuming');
    await server.stop();
    assert.equal((await lost).code, 1001);
    await server.start();
    chat.reconnect();
    assert.equal((await chat.send('after')).seq, 2);
  });
}
