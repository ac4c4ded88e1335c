/** In a browser: a device that goes offline, wakes up, or is looked at again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { join } from '../support/fake.js';

/** What a page has of a browser's, as far as the client uses it; `fire` is the browser. */
function browser(t) {
  const window = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  let listeners = 0;
  for (const target of [window, document]) {
    const { addEventListener, removeEventListener } = target;
    target.addEventListener = (...which) => { listeners += 1; addEventListener.apply(target, which); };
    target.removeEventListener = (...which) => { listeners -= 1; removeEventListener.apply(target, which); };
  }
  Object.assign(globalThis, {
    document,
    addEventListener: window.addEventListener,
    removeEventListener: window.removeEventListener,
  });
  t.after(() => {
    for (const name of ['document', 'addEventListener', 'removeEventListener']) delete globalThis[name];
  });
  return {
    online: () => window.dispatchEvent(new Event('online')),
    offline: () => window.dispatchEvent(new Event('offline')),
    look(visibilityState) {
      document.visibilityState = visibilityState;
      document.dispatchEvent(new Event('visibilitychange'));
    },
    get listeners() { return listeners; },
  };
}

const BACK = { 'is online again': (device) => device.online(), 'is looked at again': (device) => device.look('visible') };

for (const [name, back] of Object.entries(BACK)) {
  test(`a page that ${name} does not wait for its next attempt`, (t) => {
    const device = browser(t);
    const { server } = join(t);
    server.welcome();
    server.last.end(1008);
    back(device);
    assert.equal(server.connections.length, 2);
    back(device);
    assert.equal(server.connections.length, 2, 'one connection');
  });

  test(`a page that ${name} gives up what seems to be open when nobody answers within 5 s`, (t) => {
    const device = browser(t);
    const { chat, told, server, clock } = join(t);
    server.welcome();
    back(device);
    assert.equal(server.last.asked.length, 1, 'it asks something, to be answered');
    clock.pass(4_999);
    assert.equal(chat.state, 'open');
    clock.pass(1);
    assert.equal(chat.state, 'resuming');
    assert.equal(told.state.at(-1).reason, 'nothing was heard for 5 s');
  });

  test(`a page that ${name} keeps a connection that is alive`, (t) => {
    const device = browser(t);
    const { chat, server, clock } = join(t);
    server.welcome();
    back(device);
    clock.pass(4_000);
    server.last.say('history', { ref: server.last.asked[0].ref, messages: [], more: false });
    clock.pass(59_000);
    assert.equal(chat.state, 'open');
    assert.equal(server.connections.length, 1);
  });
}

test('a page that nobody looks at asks nothing, and is doubted when somebody looks again', (t) => {
  const device = browser(t);
  const { chat, server, clock } = join(t);
  server.welcome();
  device.look('hidden');
  clock.pass(3_600_000);
  assert.equal(server.last.asked.length, 0);
  assert.equal(chat.state, 'open');
  device.look('visible');
  clock.pass(5_000);
  assert.equal(chat.state, 'resuming');
});

test('a page that nobody looks at waits for its next attempt', (t) => {
  const device = browser(t);
  const { server } = join(t);
  server.welcome();
  device.look('hidden');
  assert.equal(server.last.asked.length, 0);
  server.last.end(1008);
  device.look('hidden');
  device.online();
  assert.equal(server.connections.length, 1);
});

test('a device that goes offline loses its connection after 5 s, not after a time-out of the network', (t) => {
  const device = browser(t);
  const { chat, server, clock } = join(t);
  server.welcome();
  device.offline();
  clock.pass(5_000);
  assert.equal(chat.state, 'resuming');
});

test('a page that was closed stays so when it is looked at again, and leaves no listener behind', (t) => {
  const device = browser(t);
  const { chat, server } = join(t);
  server.welcome();
  assert.equal(device.listeners, 3);
  chat.close();
  assert.equal(device.listeners, 0);
  device.online();
  device.look('visible');
  assert.equal(server.connections.length, 1);
  chat.reconnect();
  assert.equal(device.listeners, 3);
});
