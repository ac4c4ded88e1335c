/** When the client comes back, and when it does not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { join } from '../support/fake.js';

/** Ends the connection, and gives the wait that follows, in ms; it is waited for, and not a moment less. */
function waitAfter({ chat, told, server, clock }, code) {
  const before = server.connections.length;
  server.last.end(code);
  const { retryIn } = told.state.at(-1);
  assert.notEqual(chat.state, 'closed');
  if (retryIn > 0) {
    clock.pass(retryIn - 1);
    assert.equal(server.connections.length, before, 'it came back before its time');
  }
  clock.pass(1);
  assert.equal(server.connections.length, before + 1, 'it did not come back');
  return retryIn;
}

/** The shortest and the longest wait after a code, of a client that had been in the room. */
function bounds(t, code) {
  const client = join(t);
  const [shortest, longest] = [0, 1].map((chance) => {
    client.server.welcome();
    client.clock.chance = chance;
    return waitAfter(client, code);
  });
  return [shortest, longest];
}

test('it comes back after a wait at random below a bound that doubles from 1 s to 30 s', (t) => {
  const client = join(t);
  client.clock.chance = 1;
  const longest = Array.from({ length: 7 }, () => waitAfter(client, 1006));
  assert.deepEqual(longest, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  client.clock.chance = 0.25;
  assert.equal(waitAfter(client, 1006), 7_500);
  client.clock.chance = 0;
  assert.equal(waitAfter(client, 1006), 0);
});

test('a welcome makes the waits short again, and a connection that only opens does not', (t) => {
  const client = join(t);
  client.clock.chance = 1;
  for (const expected of [1_000, 2_000, 4_000]) {
    client.server.last.accept();
    assert.equal(waitAfter(client, 1006), expected);
  }
  client.server.welcome();
  assert.equal(waitAfter(client, 1006), 1_000);
});

for (const code of [1000, 1002, 1003, 1007, 1009]) {
  test(`after ${code} it does not come back, and says so`, async (t) => {
    const { chat, told, server, clock } = join(t);
    server.welcome();
    server.last.end(code, 'a reason');
    assert.equal(chat.state, 'closed');
    assert.deepEqual(told.state.at(-1), { state: 'closed', code, reason: 'a reason' });
    clock.pass(3_600_000);
    assert.equal(server.connections.length, 1);
    await assert.rejects(chat.send('Hello!'), { name: 'HallwayError', code: 'closed' });
  });
}

test('after a shutdown (1001) it comes back within 0 to 5 s', (t) => {
  assert.deepEqual(bounds(t, 1001), [0, 5_000]);
});

test('refused by policy (1008) it comes back after 30 to 60 s', (t) => {
  assert.deepEqual(bounds(t, 1008), [30_000, 60_000]);
});

test('where the server is full (1013) it comes back after 5 s at the soonest, and later with each attempt', (t) => {
  const client = join(t);
  client.clock.chance = 0;
  assert.equal(waitAfter(client, 1013), 5_000);
  client.server.welcome();
  client.clock.chance = 1;
  assert.deepEqual(Array.from({ length: 6 }, () => waitAfter(client, 1013)), [6_000, 7_000, 9_000, 13_000, 21_000, 35_000]);
});

for (const code of [1011, 1006, 4321]) {
  test(`after ${code} it comes back within 0 to 1 s`, (t) => {
    assert.deepEqual(bounds(t, code), [0, 1_000]);
  });
}

test('a lost connection is told with its code, its reason and the wait', (t) => {
  const { told, server } = join(t);
  server.welcome();
  server.last.end(1011, 'a fault');
  assert.deepEqual(told.state.at(-1), { state: 'resuming', code: 1011, reason: 'a fault', retryIn: 500 });
});

test('it is connecting until it was in the room once, and resuming from then on', (t) => {
  const { chat, server, clock } = join(t);
  const states = [];
  const note = () => states.push(chat.state);
  note();
  server.last.end();
  note();
  clock.pass(500);
  note();
  server.welcome();
  note();
  server.last.end();
  note();
  clock.pass(500);
  note();
  assert.deepEqual(states, ['connecting', 'connecting', 'connecting', 'open', 'resuming', 'resuming']);
});

test('a server that does not answer at all is given up after 20 s, and tried again', (t) => {
  const { told, server, clock } = join(t);
  clock.pass(19_999);
  assert.equal(server.last.closedWith, null);
  clock.pass(1);
  assert.equal(server.last.closedWith, undefined, 'closed, without a code');
  assert.deepEqual(told.state.at(-1), { state: 'connecting', code: 1006, reason: 'nothing was heard for 20 s', retryIn: 500 });
  clock.pass(500);
  assert.equal(server.connections.length, 2);
});

test('a server that accepts, and then says anything but welcome, is given up after 20 s', (t) => {
  const { chat, server, clock } = join(t);
  server.last.accept().sayRaw('rubbish');
  clock.pass(19_999);
  assert.equal(server.last.closedWith, null);
  clock.pass(1);
  assert.equal(server.last.closedWith, undefined);
  assert.equal(chat.state, 'connecting');
});

test('a connection on which nothing is heard for 20 s while an answer is due is given up', (t) => {
  const { chat, told, server, clock } = join(t);
  const first = server.welcome();
  chat.send('Hello!');
  clock.pass(19_999);
  assert.equal(chat.state, 'open');
  clock.pass(1);
  assert.equal(chat.state, 'resuming');
  assert.equal(told.state.at(-1).reason, 'nothing was heard for 20 s');
  first.messages(1);
  assert.deepEqual(told.message, [], 'what a connection says that was given up is not heard');
});

test('whatever is heard is a sign of life, also where an answer is due for longer', (t) => {
  const { chat, server, clock } = join(t);
  server.welcome();
  chat.send('Hello!');
  for (let seconds = 0; seconds < 120; seconds += 15) {
    server.last.say('userCount', { count: 2 });
    clock.pass(15_000);
  }
  assert.equal(chat.state, 'open');
  clock.pass(5_000);
  assert.equal(chat.state, 'resuming');
});

test('in a quiet room something is asked each minute, and while that is answered the connection is kept', (t) => {
  const { chat, server, clock } = join(t);
  server.welcome();
  chat.send('Hello!');
  server.last.ack(server.last.refs[0], 1);
  for (let minutes = 1; minutes <= 60; minutes += 1) {
    clock.pass(59_999);
    assert.equal(server.last.asked.length, minutes - 1);
    clock.pass(1);
    assert.equal(server.last.asked.length, minutes);
    server.last.say('history', { ref: server.last.asked.at(-1).ref, messages: [], more: false });
  }
  assert.equal(chat.state, 'open');
  assert.equal(server.connections.length, 1);
});

test('a server that has gone without a word is noticed after 80 s, also by who only reads', (t) => {
  const { chat, server, clock } = join(t);
  server.welcome();
  clock.pass(60_000);
  clock.pass(19_999);
  assert.equal(chat.state, 'open');
  clock.pass(1);
  assert.equal(chat.state, 'resuming');
});

test('close() says 1000 to the server, tells that it is closed, and nothing happens any more', async (t) => {
  const { chat, told, server, clock } = join(t);
  const connection = server.welcome();
  const hello = chat.send('Hello!');
  const page = chat.history();
  chat.close();
  assert.equal(connection.closedWith, 1000);
  assert.deepEqual(told.state.at(-1), { state: 'closed', code: 1000, reason: 'closed by this client' });
  await assert.rejects(hello, { code: 'uncertain' }, 'it was sent');
  await assert.rejects(page, { code: 'closed' });
  await assert.rejects(chat.history(), { code: 'closed' });
  const count = told.state.length;
  connection.messages(1).end(1000);
  chat.close();
  clock.pass(3_600_000);
  assert.deepEqual(told.message, []);
  assert.equal(told.state.length, count);
  assert.equal(server.connections.length, 1);
});

test('close() while it waits for its next attempt ends the waiting', (t) => {
  const { chat, server, clock } = join(t);
  server.last.end();
  chat.close();
  clock.pass(3_600_000);
  assert.equal(chat.state, 'closed');
  assert.equal(server.connections.length, 1);
});

test('reconnect() does not wait for the next attempt, and makes one connection', (t) => {
  const { chat, server, clock } = join(t);
  server.last.end(1008);
  chat.reconnect();
  assert.equal(server.connections.length, 2);
  chat.reconnect();
  server.welcome();
  chat.reconnect();
  clock.pass(3_600_000);
  assert.equal(server.connections.length, 2, 'while there is a connection there is nothing to do');
});

test('reconnect() after close() goes on where it was', (t) => {
  const { chat, told, server } = join(t);
  server.welcome({ seq: 2 }).messages(1, 2);
  chat.close();
  chat.reconnect();
  assert.equal(server.last.url.searchParams.get('after'), '2');
  server.welcome({ seq: 3, resumed: true }).messages(3);
  assert.equal(chat.state, 'open');
  assert.deepEqual(told.message.map(({ seq }) => seq), [1, 2, 3]);
});

for (const type of ['welcome', 'state', 'message']) {
  test(`a listener of "${type}" may close and connect again at once`, async (t) => {
    const { chat, server } = join(t);
    const off = chat.on(type, () => {
      off();
      chat.close();
      chat.reconnect();
    });
    const hello = chat.send('Hello!');
    server.welcome().messages(1);
    await assert.rejects(hello, { code: type === 'message' ? 'uncertain' : 'closed' });
    assert.equal(server.connections.length, 2);
    assert.equal(server.connections[0].closedWith, 1000);
    assert.notEqual(chat.state, 'open', 'nobody has welcomed it on the new connection');
    server.welcome();
    assert.equal(chat.state, 'open');
  });
}

test('a server that does not agree on the subprotocol is left for good', async (t) => {
  for (const agreed of ['', 'chat']) {
    await t.test(`it agrees on "${agreed}"`, (t) => {
      const { chat, told, server, clock } = join(t);
      assert.deepEqual(server.last.offered, ['hallway.v2']);
      server.last.accept(agreed);
      assert.equal(server.last.closedWith, 1000);
      assert.deepEqual(told.state.at(-1), { state: 'closed', code: 1002, reason: 'the server does not speak hallway.v2' });
      clock.pass(3_600_000);
      assert.equal(chat.state, 'closed');
      assert.equal(server.connections.length, 1);
    });
  }
});
