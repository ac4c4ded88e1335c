import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser } from '../support/browser.js';
import { running, startServer } from '../support/server.js';

const server = running({ stored: true });
const people = browser();

test('a server that is killed and started again in mid-conversation: nothing is lost, nothing doubled, and it is said', async () => {
  const alice = await people.join(server, 'alice', { room: 'killed' });
  const bob = await people.join(server, 'bob', { room: 'killed' });
  await alice.say('before');
  await bob.sees('before');
  await server.kill();
  await alice.state.getByText('The connection was lost.').waitFor();
  assert.match(await alice.page.locator('#countdown').textContent(), /^Trying again in \d+ seconds?\.$/);
  await alice.say('while it was down');
  await bob.say('also from me');
  await alice.page.getByText('Will be sent when there is a connection.').waitFor();
  await alice.picture('disconnected');
  await server.start();
  for (const person of [alice, bob]) {
    await person.isConnected();
    await person.sees('while it was down');
    await person.sees('also from me');
    const texts = await person.texts();
    assert.equal(texts.length, 3);
    assert.deepEqual(texts.toSorted(), ['also from me', 'before', 'while it was down']);
    assert.equal(await person.page.locator('#pending .line').count(), 0);
    assert.equal(await person.page.locator('.gap').count(), 0);
  }
});

test('what was written without a connection survives a reload and is sent once', async () => {
  const alice = await people.join(server, 'alice', { room: 'reloaded' });
  await alice.isConnected();
  await alice.page.context().setOffline(true);
  await server.kill();
  await alice.state.getByText('This device is offline.').waitFor();
  await alice.say('first');
  await alice.say('second');
  await alice.input.fill('not finished');
  await alice.page.context().setOffline(false);
  await server.start();
  await alice.reads(['first', 'second']);
  assert.equal(await alice.input.inputValue(), 'not finished');

  await server.kill();
  await alice.say('third');
  await alice.page.getByText('Will be sent when there is a connection.').waitFor();
  await alice.input.fill('half a');
  const { page } = alice;
  // The page comes from the server, too: the reload waits for it.
  await server.start();
  await page.reload();
  await alice.isConnected();
  await alice.reads(['first', 'second', 'third']);
  assert.equal(await alice.input.inputValue(), 'half a');
});

test('a server that shuts down says so, and one can try at once', async () => {
  const alice = await people.join(server, 'alice', { room: 'shutdown' });
  await server.stop();
  await alice.state.getByText('The server is being restarted.').waitFor();
  await server.start();
  const now = alice.page.getByRole('button', { name: 'Try now' });
  // It may have come back by itself.
  await now.click({ timeout: 1_000 }).catch(() => {});
  await alice.isConnected();
});

test('a message that the server cannot store is said to be not sent, and is sent again under the same reference', async () => {
  const alice = await people.open(server);
  const references = [];
  await alice.page.routeWebSocket(/\/chat\?/, (socket) => {
    const toServer = socket.connectToServer();
    socket.onMessage((data) => {
      const { type, payload } = JSON.parse(data);
      if (type === 'chatMessage') references.push(payload.ref);
      if (references.length !== 1 || type !== 'chatMessage') return toServer.send(data);
      const fault = { code: 'unavailable', text: 'the disk is full', ref: payload.ref };
      socket.send(JSON.stringify({ type: 'error', payload: fault }));
    });
  });
  await alice.page.goto(new URL('/?room=refused&username=alice', server.page).href);
  await alice.isConnected();
  await alice.say('important');
  await alice.log.getByText('Not sent: the server cannot store messages at the moment.').waitFor();
  await alice.picture('failed');
  await alice.page.reload();
  await alice.log.getByText('Not sent:').waitFor();
  await alice.page.getByRole('button', { name: 'Edit' }).click();
  assert.equal(await alice.input.inputValue(), 'important');
  assert.equal(await alice.page.locator('#pending .line').count(), 0);
  references.length = 0;
  await alice.input.press('Enter');
  await alice.page.getByRole('button', { name: 'Try again' }).click();
  await alice.reads(['important']);
  assert.equal(references.length, 2);
  assert.equal(references[0], references[1]);
  await alice.page.waitForFunction(() => document.querySelectorAll('#pending .line').length === 0);
});

test('a connection that the server ends for good is said with the reason, and nothing typed is lost', async () => {
  const alice = await people.open(server);
  let isFirst = true;
  await alice.page.routeWebSocket(/\/chat\?/, (socket) => {
    socket.connectToServer();
    if (isFirst) setTimeout(() => socket.close({ code: 1009, reason: 'the message is too long' }), 500);
    isFirst = false;
  });
  await alice.page.goto(new URL('/?room=ended&username=alice', server.page).href);
  await alice.state.getByText('The server ended the connection: the message is too long.').waitFor();
  await alice.say('still here');
  await alice.page.getByText('There is no connection. Connect again first.').waitFor();
  assert.equal(await alice.input.inputValue(), 'still here');
  await alice.picture('ended');
  await alice.page.getByRole('button', { name: 'Connect again' }).click();
  await alice.isConnected();
  await alice.input.press('Enter');
  await alice.reads(['still here']);
});

test('a room that has begun anew is marked, and its messages are told apart from those before', async (t) => {
  const memory = await startServer(t);
  const alice = await people.join(memory, 'alice', { room: 'anew' });
  await alice.say('old');
  await alice.reads(['old']);
  await memory.kill();
  await memory.start();
  await alice.log.getByText('The room has begun anew.').waitFor();
  await alice.say('new');
  await alice.reads(['old', 'new']);
});

test('a message whose answer was lost with the connection may be sent again, and is said once', async () => {
  let isFirst = true;
  const alice = await people.behind(server, 'alice', 'once', {
    answer: (frame, socket) => {
      if (frame.type !== 'ack' || !isFirst) return frame;
      isFirst = false;
      socket.close({ code: 1009, reason: 'too long' });
      return null;
    },
  });
  await alice.isConnected();
  await alice.say('pay 100');
  await alice.log.getByText('No answer came before the connection was lost').waitFor();
  // Who does not see it is told.
  await alice.page.locator('#announcer').getByText('No answer came').waitFor({ state: 'attached' });
  await alice.page.getByRole('button', { name: 'Connect again' }).click();
  await alice.isConnected();
  await alice.page.getByRole('button', { name: 'Try again' }).click();
  await alice.page.waitForFunction(() => document.querySelectorAll('#pending .line').length === 0);
  await alice.say('and that was all');
  await alice.reads(['pay 100', 'and that was all']);
});

test('a message of one’s own that one missed leaves no line behind that waits for it', async () => {
  const alice = await people.behind(server, 'alice', 'missed', {
    answer: ({ type, payload }) => (type === 'chatMessage' && payload.message === 'missed by its own writer'
      ? { type: 'gap', payload: { from: payload.seq, to: payload.seq } }
      : { type, payload }),
  });
  await alice.isConnected();
  await alice.say('missed by its own writer');
  await alice.page.locator('.gap').getByRole('button', { name: 'Load it' }).click();
  await alice.reads(['missed by its own writer']);
  await alice.page.waitForFunction(() => document.querySelectorAll('#pending .line').length === 0);
});

test('the same words twice are two messages, each shown once at any time', async () => {
  const alice = await people.join(server, 'alice', { room: 'twice' });
  for (const word of ['ok', 'ok', 'ok']) await alice.say(word);
  await alice.reads(['ok', 'ok', 'ok']);
  await alice.page.waitForFunction(() => document.querySelectorAll('#pending .line').length === 0);
});

test('who goes to another room is told what was not sent here, and finds it when they come back', async () => {
  const alice = await people.join(server, 'alice', { room: 'kitchen' });
  await server.kill();
  await alice.state.getByText('The connection was lost.').waitFor();
  await alice.say('dinner is ready');
  await alice.page.getByText('Will be sent when there is a connection.').waitFor();
  const { page } = alice;
  await page.getByRole('button', { name: 'Change room' }).click();
  await page.getByLabel('Room', { exact: true }).fill('garden');
  await page.keyboard.press('Enter');
  await alice.log.getByText('1 message to kitchen could not be sent yet. Go back there as alice to send.').waitFor();
  await server.start();
  await page.goBack();
  await page.getByRole('heading', { name: 'kitchen' }).waitFor();
  await alice.reads(['dinner is ready']);
});

test('who goes to another room is told of what they wrote without a name, too', async () => {
  const alice = await people.join(server, '', { room: 'nameless' });
  await server.kill();
  await alice.state.getByText('The connection was lost.').waitFor();
  await alice.say('from nobody');
  const { page } = alice;
  await page.getByRole('button', { name: 'Change room' }).click();
  await page.getByLabel('Your name').fill('somebody');
  await page.keyboard.press('Enter');
  await alice.log.getByText('1 message to nameless could not be sent yet. Go back there without a name to send.').waitFor();
  await server.start();
  await page.goBack();
  await alice.reads(['from nobody']);
});

test('who stays where they are does not leave: neither by a fragment, nor by joining the same room again', async () => {
  const alice = await people.join(server, 'alice', { room: 'staying' });
  const bob = await people.join(server, 'bob', { room: 'staying' });
  const { page } = bob;
  await page.evaluate(() => { location.hash = 'there'; });
  await page.getByRole('button', { name: 'Change room' }).click();
  await page.keyboard.press('Enter');
  await bob.say('still here');
  await alice.sees('still here');
  assert.equal(await alice.page.locator('.notice').textContent(), 'alice and bob joined');
});

test('an outage is read out once, whatever is tried, and its end; leaving a room is not', async () => {
  const alice = await people.join(server, 'alice', { room: 'outage' });
  const { page } = alice;
  await alice.listen();
  await server.kill();
  const now = page.getByRole('button', { name: 'Try now' });
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await now.press('Enter');
    await page.locator('#countdown').filter({ hasText: 'Trying again' }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.id), 'text', 'the focus is somewhere');
  }
  await server.start();
  await now.click({ timeout: 1_000 }).catch(() => {});
  await alice.isConnected();
  await page.getByRole('button', { name: 'Change room' }).click();
  await page.getByLabel('Room', { exact: true }).fill('elsewhere');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'elsewhere' }).waitFor();
  await alice.isConnected();
  assert.deepEqual(await page.evaluate(() => said), ['The connection was lost.', 'Connected again.']);
});
