import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { browser } from '../support/browser.js';
import { running } from '../support/server.js';

const server = running({ stored: true });
const people = browser();

test('two people talk both ways, and each message is there once', async () => {
  const alice = await people.join(server, 'alice', { room: 'talk' });
  const bob = await people.join(server, 'bob', { room: 'talk' });
  await alice.say('Are you there?');
  await bob.sees('Are you there?');
  await bob.say('I am.');
  await alice.sees('I am.');
  for (const person of [alice, bob]) {
    await person.reads(['Are you there?', 'I am.']);
    assert.equal(await person.page.locator('#people').textContent(), '2 people');
    // What is on its way has become what is there.
    assert.equal(await person.page.locator('#pending .line').count(), 0);
  }
  assert.deepEqual(await alice.page.locator('.own .text').allTextContents(), ['Are you there?']);
  assert.equal(await alice.page.locator('.own .head').textContent(), 'alice you');
  assert.equal(await bob.page.locator('.message:not(.own) .head').textContent(), 'alice');
  await alice.picture('chat');
});

test('who comes later reads what was said before', async () => {
  const alice = await people.join(server, 'alice', { room: 'later' });
  for (const word of ['one', 'two', 'three']) await alice.say(word);
  await alice.reads(['one', 'two', 'three']);
  const carol = await people.join(server, 'carol', { room: 'later' });
  await carol.reads(['one', 'two', 'three']);
  // Old news is no news.
  assert.equal(await carol.page.locator('.unread').count(), 0);
  assert.equal(await carol.page.title(), 'later · Hallway');
});

test('the name is the one the server gives', async () => {
  const carol = await people.join(server, ' carol \u200b  cook ', { room: 'names' });
  await carol.page.getByText('Writing as carol cook.').waitFor();
  await carol.say('mine');
  await carol.sees('mine');
  assert.equal(await carol.page.locator('.own .name').textContent(), 'carol cook');
  const nobody = await people.join(server, '', { room: 'names' });
  await nobody.page.getByText(/Writing as Anon_\d{6}\./).waitFor();
});

test('text is text, whatever it looks like', async () => {
  const eve = await people.join(server, '<b>eve</b>', { room: 'markup' });
  const bob = await people.join(server, 'bob', { room: 'markup' });
  const texts = [
    '<script>window.wasRun = 1</script>',
    '<img src=x onerror="window.wasRun = 1">',
    '&lt;i&gt; &amp;amp; <svg onload=window.wasRun=1>',
    'javascript:window.wasRun=1 data:text/html,<script>1</script>',
    '{{7*7}} ${7*7} %3Cb%3E',
  ];
  for (const text of texts) await eve.say(text);
  for (const person of [eve, bob]) {
    await person.reads(texts);
    assert.equal(await person.page.evaluate(() => window.wasRun), undefined);
    assert.equal(await person.page.locator('#log :is(script, img, svg, b, i, a)').count(), 0);
  }
  assert.equal(await bob.page.locator('.head .name').first().textContent(), '<b>eve</b>');
  assert.match(await bob.page.locator('.notice').last().textContent(), /bob/);
});

test('http and https links can be followed, and nothing else', async () => {
  const alice = await people.join(server, 'alice', { room: 'links' });
  await alice.say('see https://example.org/a_(b), (http://example.org/?q=1&r=2) ftp://example.org mailto:a@example.org');
  await alice.say('https://bank.example@evil.example/ https:// http://');
  await alice.sees('bank.example');
  const links = await alice.page.locator('#log a').evaluateAll((all) => all.map(({ href, rel, target, textContent }) => (
    { href, rel, target, textContent })));
  const how = { rel: 'noopener noreferrer nofollow', target: '_blank' };
  assert.deepEqual(links, [
    { href: 'https://example.org/a_(b)', textContent: 'https://example.org/a_(b)', ...how },
    { href: 'http://example.org/?q=1&r=2', textContent: 'http://example.org/?q=1&r=2', ...how },
  ]);
});

test('Enter sends, Shift and Enter begin a new line', async () => {
  const alice = await people.join(server, 'alice', { room: 'lines' });
  await alice.input.focus();
  await alice.page.keyboard.type('first');
  const low = (await alice.input.boundingBox()).height;
  await alice.page.keyboard.press('Shift+Enter');
  await alice.page.keyboard.type('  second');
  assert.ok((await alice.input.boundingBox()).height > low, 'the field grows');
  await alice.page.keyboard.press('Enter');
  await alice.reads(['first\n  second']);
  assert.equal(await alice.input.inputValue(), '');
  assert.equal((await alice.input.boundingBox()).height, low);
  // Nothing is not sent.
  await alice.say('  \n ');
  assert.equal(await alice.input.inputValue(), '  \n ');
  // Enter that chooses a word in an input method sends nothing.
  await alice.input.fill('にほん');
  await alice.input.dispatchEvent('keydown', { key: 'Enter', isComposing: true });
  assert.equal(await alice.input.inputValue(), 'にほん');
});

test('consecutive messages of a person are a group, days are set apart, and times are of the reader’s zone', async () => {
  const said = [
    ['2026-03-01T22:58:00.000Z', 'alice', 'in the evening'],
    ['2026-03-01T22:59:00.000Z', 'alice', 'shortly after'],
    ['2026-03-01T22:59:30.000Z', 'bob', 'an answer'],
    ['2026-03-01T23:30:00.000Z', 'bob', 'half an hour later'],
    ['2026-03-02T08:00:00.000Z', 'bob', 'next morning'],
  ];
  await server.import('days', said);
  const options = { room: 'days', locale: 'en-GB' };
  const london = await people.join(server, 'london', { ...options, timezoneId: 'Europe/London' });
  const berlin = await people.join(server, 'berlin', { ...options, timezoneId: 'Europe/Berlin' });
  const shown = async (person) => {
    await person.reads(said.map(([, , text]) => text));
    return person.page.locator('#lines :is(.day, .message:not(.continued) .head, .message time)').evaluateAll(
      (all) => all.filter((each) => each.tagName !== 'TIME' || !each.closest('.continued')).map((each) => each.textContent));
  };
  assert.deepEqual(await shown(london), [
    'Sunday, March 1, 2026', '22:58', 'alice', '22:59', 'bob', '23:30', 'bob', 'Monday, March 2, 2026', '08:00', 'bob',
  ]);
  assert.deepEqual(await shown(berlin), [
    'Sunday, March 1, 2026', '23:58', 'alice', '23:59', 'bob', 'Monday, March 2, 2026', '00:30', 'bob', '09:00', 'bob',
  ]);
});

test('name and room are asked for once, remembered, and in the address', async () => {
  const { page, ...alice } = await people.open(server);
  await page.getByLabel('Your name').fill('alice');
  await page.getByLabel('Room', { exact: true }).fill('kitchen');
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByText('1 person').waitFor();
  assert.equal(new URL(page.url()).search, '?room=kitchen&username=alice');
  assert.equal(await page.title(), 'kitchen · Hallway');
  await page.reload();
  await page.getByText('1 person').waitFor();

  // Another day, without a word about where.
  await page.goto(new URL('/', server.page).href);
  assert.equal(await page.getByLabel('Your name').inputValue(), 'alice');
  assert.equal(await page.getByLabel('Room', { exact: true }).inputValue(), 'kitchen');
  await page.keyboard.press('Escape');
  assert.ok(await page.getByRole('dialog').isVisible(), 'there is nothing to go back to');

  // A link is an invitation: the room is the link's.
  await page.goto(new URL('/?room=garden', server.page).href);
  assert.equal(await page.getByLabel('Room', { exact: true }).inputValue(), 'garden');
  await page.keyboard.press('Enter');
  await page.getByText('1 person').waitFor();
  assert.equal(new URL(page.url()).search, '?room=garden&username=alice');
  void alice;
});

test('one changes the room, goes back, and copies a link that names no person', async () => {
  const alice = await people.join(server, 'alice', { room: 'here', permissions: ['clipboard-read', 'clipboard-write'] });
  const { page } = alice;
  await alice.say('said here');
  await alice.reads(['said here']);
  await page.getByRole('button', { name: 'Change room' }).click();
  await page.getByLabel('Room', { exact: true }).fill('there');
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByRole('heading', { name: 'there' }).waitFor();
  await alice.isConnected();
  await alice.reads([]);
  await page.goBack();
  await page.getByRole('heading', { name: 'here', exact: true }).waitFor();
  await alice.reads(['said here']);
  // Escape leaves all as it is.
  await page.getByRole('button', { name: 'Change room' }).click();
  await page.keyboard.press('Escape');
  assert.equal(await page.getByRole('dialog').count(), 0);
  await alice.reads(['said here']);

  await page.getByRole('button', { name: 'Copy link' }).click();
  await page.getByRole('button', { name: 'Link copied' }).waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(link, new URL('/?room=here', server.page).href);
});

test('who comes and goes is said in one line, each person once', async () => {
  const alice = await people.join(server, 'alice', { room: 'door' });
  for (const name of ['bob', 'carol']) {
    const guest = await people.join(server, name, { room: 'door' });
    await guest.page.close();
  }
  await alice.page.locator('.notice').filter({ hasText: /bob.* and .*carol.* joined and left/ }).waitFor();
  assert.equal(await alice.page.locator('.notice').count(), 1);
  await alice.page.getByText('1 person').waitFor();
});

test('a long message is shown in part, and all of it when it is asked for', async () => {
  const alice = await people.join(server, 'alice', { room: 'long' });
  const long = `${'word '.repeat(1_000)}end`;
  await alice.say(long);
  await alice.sees('word');
  assert.ok((await alice.texts())[0].length < 1_500);
  await alice.page.getByRole('button', { name: 'Show all 5,003 characters' }).click();
  await alice.reads([long]);
});

test('the page works under a path of its own, where a proxy takes that off', async (t) => {
  const [host, port] = server.host.split(':');
  const proxy = createServer((socket) => {
    const upstream = connect(port, host);
    socket.once('data', (head) => {
      upstream.write(head.toString('latin1').replace(/^GET \/ours\//, 'GET /'), 'latin1');
      socket.pipe(upstream).pipe(socket);
    });
    for (const side of [socket, upstream]) side.on('error', () => { socket.destroy(); upstream.destroy(); });
  }).listen(0, '127.0.0.1');
  t.after(() => proxy.close());
  await once(proxy, 'listening');
  const alice = await people.join({ page: `http://127.0.0.1:${proxy.address().port}/ours/` }, 'alice', { room: 'ours' });
  await alice.say('from afar');
  await alice.reads(['from afar']);
});
