/** Listeners, what is heard that is no frame, and options that cannot be. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import * as hallway from '../../hallway.js';
import { FakeServer, join, LIMITS, message } from '../support/fake.js';

const { connect } = hallway;

test('a listener that throws hinders neither the others nor the connection, and its fault is reported', async (t) => {
  const { chat, server } = join(t);
  const uncaught = new Promise((resolve) => {
    // In place of the test runner's, which would call the test a failure.
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error) => {
      for (const other of others) process.on('uncaughtException', other);
      resolve(error);
    });
  });
  const heard = [];
  chat.on('message', () => { throw new Error('a fault of this listener'); });
  chat.on('message', ({ seq }) => heard.push(seq));
  server.welcome().messages(1);
  assert.equal((await uncaught).message, 'a fault of this listener');
  assert.deepEqual(heard, [1]);
  assert.equal(chat.state, 'open');
});

test('a listener is told until its function is called, and one that was taken away meanwhile is not', (t) => {
  const { chat, server } = join(t);
  const heard = [];
  const offs = ['first', 'second', 'third'].map((name) => chat.on('message', ({ seq }) => {
    heard.push(`${name} ${seq}`);
    if (name === 'first' && seq === 2) offs[1]();
  }));
  server.welcome().messages(1, 2);
  offs[0]();
  offs[0]();
  server.last.messages(3);
  assert.deepEqual(heard, ['first 1', 'second 1', 'third 1', 'first 2', 'third 2', 'third 3']);
});

const RUBBISH = [
  '', 'rubbish', 'null', '7', '[]', '{}', '{"type":"chatMessage"}', '{"type":"chatMessage","payload":null}',
  '{"type":"chatMessage","payload":"text"}', '{"type":"unheard-of","payload":{}}', '{"payload":{}}', new ArrayBuffer(8),
];
for (const rubbish of RUBBISH) {
  test(`${typeof rubbish === 'string' ? `"${rubbish}"` : 'a binary frame'} is ignored`, (t) => {
    const { chat, told, server } = join(t);
    const before = structuredClone(told);
    server.last.accept().sayRaw(rubbish);
    assert.deepEqual(told, before);
    server.last.welcome({ seq: 1 }).messages(1).sayRaw(rubbish).messages(2);
    assert.deepEqual(told.message.map(({ seq }) => seq), [1, 2]);
    assert.equal(chat.state, 'open');
  });
}

const MALFORMED = {
  chatMessage: [
    { seq: '3' }, { seq: -1 }, { seq: 1.5 }, { seq: 1e18 }, { username: 7 }, { username: undefined }, { message: null },
    { message: { a: 1 } }, { sentAt: 'yesterday' }, { sentAt: undefined },
  ].map((fault) => ({ ...message(3), ...fault })),
  gap: [{}, { from: 3 }, { from: 5, to: 3 }, { from: 'a', to: 'b' }, { from: 3, to: 1e21 }],
  userCount: [{}, { count: 'x' }, { count: -1 }],
  system: [{}, { text: 7 }, { text: 'a', usernames: 'b' }, { text: 'a', usernames: [null] }],
  ack: [{}, { ref: 7, seq: 1 }, { ref: 'r', seq: 'one' }],
  error: [{}, { code: 'bad_json' }],
  welcome: [{}, { epoch: 'E1', seq: 'x', username: 'alice', limits: LIMITS }, { epoch: 'E1', seq: 1, username: 'alice' }],
};
for (const [type, payloads] of Object.entries(MALFORMED)) {
  test(`a frame of type "${type}" in which something is not what it has to be is ignored, and what follows is not`, (t) => {
    const { chat, told, server } = join(t);
    server.welcome({ seq: 2 }).messages(1, 2);
    chat.send('Hello!', { ref: 'r' });
    const before = structuredClone(told);
    for (const payload of payloads) server.last.say(type, payload);
    assert.deepEqual(told, before);
    server.last.messages(3).ack('r', 4).messages(4);
    assert.deepEqual(told.message.map(({ seq }) => seq), [1, 2, 3, 4]);
    assert.deepEqual(chat.outbox, []);
  });
}

test('a notice names nobody where the server names nobody', (t) => {
  const { told, server } = join(t);
  server.welcome().say('system', { text: 'a word to you', event: 'notice' });
  assert.deepEqual(told.notice, [{ text: 'a word to you', event: 'notice', usernames: [] }]);
});

const ADDRESS = 'ws://chat.example/chat';

test('a room that cannot be is refused, with what may be', () => {
  const { WebSocket, connections } = new FakeServer();
  for (const room of ['', 'a b', 'a/b', 'é', 'x'.repeat(65)]) {
    assert.throws(() => connect(ADDRESS, { WebSocket, room }), { name: 'RangeError', message: /1–64 .* a-z A-Z 0-9 \. _ -/ });
  }
  assert.equal(connections.length, 0);
});

test('a name of more than 64 characters is refused, with how many it has', (t) => {
  const { WebSocket, connections } = new FakeServer();
  assert.throws(() => connect(ADDRESS, { WebSocket, username: '👋'.repeat(65) }), { name: 'RangeError', message: /64 .* 65/ });
  assert.equal(connections.length, 0);
  const { server } = join(t, { username: ` ${'👋'.repeat(64)} ` });
  assert.equal(server.connections.length, 1);
});

test('where there is no WebSocket it is said what to do', () => {
  for (const WebSocket of [null, 'ws', {}]) {
    assert.throws(() => connect(ADDRESS, { WebSocket }), { name: 'TypeError', message: /pass a constructor, \{ WebSocket \}/ });
  }
});

test('what is no URL is refused', () => {
  const { WebSocket } = new FakeServer();
  for (const url of ['', 'chat', '/chat', 'http://']) {
    assert.throws(() => connect(url, { WebSocket }), { name: 'TypeError', message: /URL/ });
  }
});

test('the URL may be http: or https:, a URL object, and have a query of its own', () => {
  const server = new FakeServer();
  const { WebSocket } = server;
  const reached = (url) => {
    const chat = connect(url, { WebSocket, username: 'alice' });
    chat.close();
    return server.last.url.href;
  };
  assert.equal(reached('http://chat.example/chat'), 'ws://chat.example/chat?room=lobby&username=alice');
  assert.equal(reached(new URL('https://chat.example/chat?key=7')), 'wss://chat.example/chat?key=7&room=lobby&username=alice');
});

test('in a page the URL may be relative', (t) => {
  globalThis.location = new URL('https://chat.example/rooms/lobby');
  t.after(() => delete globalThis.location);
  const { server } = join(t);
  connect('/chat', { WebSocket: server.WebSocket }).close();
  assert.equal(server.last.url.origin + server.last.url.pathname, 'wss://chat.example/chat');
});

test('what is exported, and what a chat has, is what hallway.d.ts declares', async () => {
  const declared = await readFile(new URL('../../hallway.d.ts', import.meta.url), 'utf8');
  const exported = Array.from(declared.matchAll(/^export (?:function|class) (\w+)/gm), ([, name]) => name);
  assert.deepEqual(Object.keys(hallway).sort(), exported.sort());
  const [chat] = declared.match(/^export class Chat \{[^]*?^\}/m);
  const members = Array.from(chat.matchAll(/^ {2}(?:get )?(\w+)(?:<.*>)?\(/gm), ([, name]) => name);
  const prototype = Object.getOwnPropertyNames(hallway.Chat.prototype).filter((name) => name !== 'constructor');
  assert.deepEqual(prototype.sort(), members.sort());
});
