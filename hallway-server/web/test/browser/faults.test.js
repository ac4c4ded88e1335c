import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser } from '../support/browser.js';
import { running } from '../support/server.js';

const server = running({ stored: true });
const people = browser();

test('a name and a room that the server would refuse are said next to where they were typed, and stay there', async () => {
  const { page } = await people.open(server);
  const [name, room] = [page.getByLabel('Your name'), page.getByLabel('Room', { exact: true })];
  await name.fill('n'.repeat(5_000));
  await room.fill('two words');
  await page.keyboard.press('Enter');
  await page.getByText('A name has at most 64 characters; this one has 5,000.').waitFor();
  await page.getByText('letters a–z and A–Z, digits, and . _ - in it, not ␣').waitFor();
  assert.equal((await name.inputValue()).length, 5_000);
  assert.equal(await room.inputValue(), 'two words');
  assert.equal(await name.getAttribute('aria-invalid'), 'true');
  await name.fill('😀'.repeat(64));
  assert.equal(await name.getAttribute('aria-invalid'), null);
  await room.fill('r'.repeat(65));
  await page.keyboard.press('Enter');
  await page.getByText('A room’s name has at most 64 characters; this one has 65.').waitFor();
  await room.fill('');
  await page.keyboard.press('Enter');
  await page.getByText('Name a room.').waitFor();
  await room.fill('fine');
  await page.keyboard.press('Enter');
  await page.getByText('1 person').waitFor();
});

test('an address with a name or a room that is none asks for another', async () => {
  const query = new URLSearchParams({ room: 'a/b', username: 'n'.repeat(5_000) });
  const { page } = await people.open(server, `/?${query}`);
  await page.getByText('this one has 5,000').waitFor();
  await page.getByText('in it, not /').waitFor();
  assert.equal(await page.getByLabel('Room', { exact: true }).inputValue(), 'a/b');
});

test('a message over the limit is said in bytes and stays where it was typed', async () => {
  const alice = await people.join(server, 'alice', { room: 'limit' });
  const long = 'ä'.repeat(40_000);
  await alice.say(long);
  await alice.page.getByText(/This message takes 80,\d{3} bytes; the server takes 65,536\./).waitFor();
  await alice.picture('too-long');
  assert.equal(await alice.input.inputValue(), long);
  await alice.input.fill('ä'.repeat(100));
  assert.ok(await alice.page.locator('#text-error').isHidden());
  await alice.input.press('Enter');
  await alice.reads(['ä'.repeat(100)]);
});

test('a message over the limit that was written without a connection is not sent, with the reason', async () => {
  const alice = await people.open(server, '/?room=limit2&username=alice');
  await alice.isConnected();
  await server.kill();
  await alice.state.getByText('The connection was lost.').waitFor();
  await alice.say('x'.repeat(70_000));
  await alice.page.getByText('the server takes 65,536').waitFor();
  assert.equal((await alice.input.inputValue()).length, 70_000);
  await server.start();
});

test('a server that was never there is said, and how long until it is tried again', async () => {
  const alice = await people.open(server);
  await alice.page.routeWebSocket(/\/chat\?/, (socket) => socket.close({ code: 1013, reason: 'full' }));
  await alice.page.goto(new URL('/?room=away&username=alice', server.page).href);
  await alice.state.getByText('The server is full, or this device was too slow for it.').waitFor();
  assert.match(await alice.page.locator('#countdown').textContent(), /^Trying again in \d+ seconds?\.$/);
  await alice.say('nobody hears');
  await alice.page.getByText('Will be sent when there is a connection.').waitFor();
});

test('an unknown path is a plain 404', async () => {
  const answer = await fetch(new URL('/nothing-here', server.page));
  assert.equal(answer.status, 404);
  assert.match(answer.headers.get('content-type'), /^text\/plain/);
});
