/** What a client is told of a room over several connections: each message once, or that it is missing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { join } from '../support/fake.js';

const RETRY = 500;

function seqs({ message }) {
  return message.map(({ seq }) => seq);
}

function query({ url }) {
  return Object.fromEntries(url.searchParams);
}

/** Loses the connection, and has the next one tried. */
function reconnect({ server, clock }) {
  server.last.end();
  clock.pass(RETRY);
}

test('the first connection asks for the room and the name, and for nothing to go on from', (t) => {
  const { server } = join(t, { room: 'garden', username: 'Zoë & co' });
  assert.equal(server.last.url.pathname, '/chat');
  assert.deepEqual(query(server.last), { room: 'garden', username: 'Zoë & co' });
});

test('the next one asks for what comes after the newest that was heard', (t) => {
  const client = join(t);
  client.server.welcome({ epoch: 'E7', seq: 2 }).messages(1, 2).joined().messages(3);
  reconnect(client);
  assert.deepEqual(query(client.server.last), { room: 'lobby', username: 'alice', epoch: 'E7', after: '3' });
});

test('a connection that broke between the welcome and the first message is made again as the first was', (t) => {
  const client = join(t);
  client.server.welcome({ seq: 200 });
  reconnect(client);
  assert.deepEqual(query(client.server.last), { room: 'lobby', username: 'alice' });
  client.server.welcome({ seq: 200 }).messages(199, 200);
  assert.deepEqual(seqs(client.told), [199, 200]);
  assert.deepEqual(client.told.gap, []);
});

test('in an empty room, and where no history is given, it goes on from the welcome', async (t) => {
  await t.test('empty', (t) => {
    const client = join(t);
    client.server.welcome({ seq: 0 });
    reconnect(client);
    assert.equal(query(client.server.last).after, '0');
  });
  await t.test('without a history', (t) => {
    const client = join(t);
    client.server.welcome({ seq: 41 }).joined();
    reconnect(client);
    assert.equal(query(client.server.last).after, '41');
  });
});

test('messages that come twice are told once', (t) => {
  const client = join(t);
  client.server.welcome({ seq: 2 }).messages(1, 2, 2);
  reconnect(client);
  client.server.welcome({ seq: 4, resumed: true }).messages(1, 2, 3, 4, 3, 5);
  assert.deepEqual(seqs(client.told), [1, 2, 3, 4, 5]);
  assert.deepEqual(client.told.gap, []);
});

test('a message is told as it was said, and whether it was said before this connection', (t) => {
  const { told, server } = join(t);
  server.welcome({ seq: 1 }).messages(1).joined().messages(2);
  assert.deepEqual(told.message, [
    { seq: 1, sentAt: '2026-01-01T00:00:00.001Z', username: 'bob', message: 'number 1', isReplay: true },
    { seq: 2, sentAt: '2026-01-01T00:00:00.002Z', username: 'bob', message: 'number 2', isReplay: false },
  ]);
});

test('the welcome is told before the messages, with what the server takes', (t) => {
  const { chat, told, server } = join(t);
  assert.equal(chat.limits, null);
  const order = [];
  for (const type of ['welcome', 'state', 'message']) chat.on(type, () => order.push(type));
  server.welcome({ seq: 1 }).messages(1);
  assert.deepEqual(order, ['welcome', 'state', 'message']);
  assert.deepEqual(chat.limits, { messageBytes: 65_536, messagesPerSecond: 50, burst: 200, history: 100 });
  const { username, epoch, isNewEpoch } = told.welcome[0];
  assert.deepEqual({ username, epoch, isNewEpoch }, { username: 'alice', epoch: 'E1', isNewEpoch: false });
});

test('a gap that the server names is told, and gone on behind', (t) => {
  const client = join(t);
  client.server.welcome({ seq: 3 }).messages(1, 2, 3);
  reconnect(client);
  client.server.welcome({ seq: 150, resumed: false }).say('gap', { from: 4, to: 148 }).messages(149, 150);
  assert.deepEqual(client.told.gap, [{ from: 4, to: 148 }], 'once');
  assert.deepEqual(seqs(client.told), [1, 2, 3, 149, 150]);
  client.server.last.say('gap', { from: 151, to: 160 });
  reconnect(client);
  assert.equal(query(client.server.last).after, '160');
});

test('a gap that the server does not name is found', (t) => {
  const { told, server } = join(t);
  server.welcome({ seq: 3 }).messages(1, 2, 3, 7, 8);
  assert.deepEqual(told.gap, [{ from: 4, to: 6 }]);
  assert.deepEqual(seqs(told), [1, 2, 3, 7, 8]);
});

test('where a room begins a history is no gap', (t) => {
  const { told, server } = join(t);
  server.welcome({ seq: 1_000 }).messages(901, 902);
  assert.deepEqual(told.gap, []);
});

test('in a new epoch the numbers begin anew, which is told and is neither a gap nor a repetition', (t) => {
  const client = join(t);
  client.server.welcome({ epoch: 'E1', seq: 50 }).messages(49, 50);
  reconnect(client);
  client.server.welcome({ epoch: 'E2', seq: 2 });
  assert.equal(client.told.welcome.at(-1).isNewEpoch, true);
  client.server.last.messages(1, 2).joined();
  assert.deepEqual(seqs(client.told), [49, 50, 1, 2]);
  assert.deepEqual(client.told.gap, []);
  reconnect(client);
  assert.deepEqual(query(client.server.last), { room: 'lobby', username: 'alice', epoch: 'E2', after: '2' });
  client.server.welcome({ epoch: 'E2', seq: 2, resumed: true });
  assert.equal(client.told.welcome.at(-1).isNewEpoch, false);
});

test('a room that has forgotten its newest messages is as one in a new epoch', (t) => {
  const client = join(t);
  client.server.welcome({ seq: 5 }).messages(4, 5);
  reconnect(client);
  client.server.welcome({ seq: 3 }).messages(2, 3, 4);
  assert.equal(client.told.welcome.at(-1).isNewEpoch, true);
  assert.deepEqual(seqs(client.told), [4, 5, 2, 3, 4]);
});

test('who was given an anonymous name asks for the same one when it comes back', (t) => {
  const client = join(t, { username: undefined });
  assert.equal(client.chat.username, '');
  client.server.welcome({ username: 'Anon_093000_2' });
  assert.equal(client.chat.username, 'Anon_093000_2');
  reconnect(client);
  assert.equal(query(client.server.last).username, 'Anon_093000_2');
});

test('how many there are, who came and went, and faults of no message are told', (t) => {
  const { told, server } = join(t);
  const notice = { text: 'bob joined', event: 'joined', usernames: ['bob'] };
  server.welcome().say('userCount', { count: 2 }).say('system', notice).say('error', { code: 'bad_json', text: 'no JSON' });
  assert.deepEqual(told.count, [{ count: 2 }]);
  assert.deepEqual(told.notice, [notice]);
  assert.equal(told.error.length, 1);
  assert.deepEqual([told.error[0].name, told.error[0].code, told.error[0].message], ['HallwayError', 'bad_json', 'no JSON']);
});
