import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser } from '../support/browser.js';
import { running } from '../support/server.js';

const server = running({ stored: true });
const people = browser();

/** A room in which so much was said, one message a minute. */
async function fill(room, count) {
  const start = Date.parse('2026-02-01T00:00:00.000Z');
  await server.import(room, Array.from({ length: count }, (_, at) => (
    [new Date(start + at * 60_000).toISOString(), at % 3 ? 'bob' : 'carol', `number ${at + 1}`])));
}

const numbers = async (person) => (await person.texts()).map((text) => Number(text.match(/^number (\d+)$/)?.[1]));

const assertContiguous = (all) => {
  for (let at = 1; at < all.length; at += 1) assert.equal(all[at], all[at - 1] + 1, 'without a hole');
};

test('one scrolls back over 1,500 messages, and what one reads stays where it is', async () => {
  await fill('long', 1_500);
  const alice = await people.join(server, 'alice', { room: 'long' });
  await alice.sees('number 1500');
  const { page } = alice;
  let rounds = 0;
  for (; !(await page.getByText('The room begins here.').isVisible()); rounds += 1) {
    assert.ok(rounds < 60, 'it comes to an end');
    const before = await page.evaluate(async () => {
      const log = document.getElementById('log');
      const first = document.querySelector('#lines .message');
      log.scrollTop = 600;
      const edge = log.getBoundingClientRect().top;
      const read = [...document.querySelectorAll('#lines .body')].find((each) => each.getBoundingClientRect().top >= edge);
      const y = read.getBoundingClientRect().top;
      // Until what is above has come, or there is no more.
      const until = Date.now() + 5_000;
      while (document.querySelector('#lines .message') === first && !/begins/.test(log.textContent) && Date.now() < until) {
        await new Promise(requestAnimationFrame);
      }
      await new Promise(requestAnimationFrame);
      return { moved: read.getBoundingClientRect().top - y, lines: document.querySelectorAll('#lines > .line').length };
    });
    assert.ok(Math.abs(before.moved) <= 1, `moved by ${before.moved} px`);
    assert.ok(before.lines <= 400, `${before.lines} lines in the document`);
    assertContiguous(await numbers(alice));
  }
  assert.ok(rounds >= 10, `${rounds} pages`);
  assert.equal((await numbers(alice))[0], 1);
  await page.evaluate(() => { document.getElementById('log').scrollTop = 0; });
  await alice.picture('beginning');

  // And down again, without a hole, to what is live.
  for (rounds = 0; (await numbers(alice)).at(-1) !== 1_500; rounds += 1) {
    assert.ok(rounds < 60, 'it comes to an end');
    const last = (await numbers(alice)).at(-1);
    await page.evaluate(() => { const log = document.getElementById('log'); log.scrollTop = log.scrollHeight; });
    await page.waitForFunction((last) => ![...document.querySelectorAll('#lines .text')].at(-1).textContent.endsWith(` ${last}`), last);
    assertContiguous(await numbers(alice));
  }
  await page.evaluate(() => { const log = document.getElementById('log'); log.scrollTop = log.scrollHeight; });
  await page.getByRole('button', { name: /Jump to newest/ }).waitFor({ state: 'hidden' });
});

test('who reads above is not moved by what comes, is told how much, and jumps to it', async () => {
  await fill('above', 300);
  const alice = await people.join(server, 'alice', { room: 'above' });
  const bob = await people.join(server, 'bob', { room: 'above' });
  const { page } = alice;
  await alice.sees('number 300');
  await page.evaluate(() => { document.getElementById('log').scrollTop = 600; });
  await page.getByRole('button', { name: 'Jump to newest', exact: true }).waitFor();
  await page.waitForFunction(() => document.querySelectorAll('#lines .message').length > 150);
  const place = () => page.evaluate(() => {
    const edge = document.getElementById('log').getBoundingClientRect().top;
    const read = [...document.querySelectorAll('#lines .body')].find((each) => each.getBoundingClientRect().top >= edge);
    return [read.textContent, read.getBoundingClientRect().top];
  });
  const before = await place();
  for (const word of ['one', 'two', 'three']) await bob.say(word);
  await page.getByRole('button', { name: 'Jump to newest (3 new)' }).waitFor();
  assert.deepEqual(await place(), before);
  await page.waitForFunction(() => document.title.startsWith('(3) '));
  await alice.picture('above');
  await page.getByRole('button', { name: 'Jump to newest (3 new)' }).press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'log', 'the focus is somewhere');
  await page.waitForFunction(() => !document.title.startsWith('('));
  // Where one stopped reading is marked.
  assert.equal(await page.locator('.line:has(.unread) .text').textContent(), 'one');
  assert.ok(await page.locator('.text', { hasText: 'three' }).isVisible());
});

test('what was said while one was away is counted in the title, and marked', async () => {
  const alice = await people.join(server, 'alice', { room: 'away' });
  const bob = await people.join(server, 'bob', { room: 'away' });
  await bob.say('seen');
  await alice.sees('seen');
  await alice.page.evaluate(() => {
    document.hasFocus = () => false;
  });
  await bob.say('not seen');
  await bob.say('nor this');
  await alice.page.waitForFunction(() => document.title === '(2) away · Hallway');
  await alice.picture('unread');
  await alice.page.evaluate(() => {
    delete document.hasFocus;
    dispatchEvent(new Event('focus'));
  });
  await alice.page.waitForFunction(() => document.title === 'away · Hallway');
  assert.equal(await alice.page.locator('.line:has(.unread) .text').textContent(), 'not seen');
});

test('what was missed is a line, which loads it', async () => {
  await fill('gap', 400);
  const alice = await people.open(server);
  const { page } = alice;
  // A first connection that saw the first five alone, and a second one behind a gap.
  await page.routeWebSocket(/\/chat\?/, (socket) => {
    const toServer = socket.connectToServer();
    toServer.onMessage((data) => {
      const { type, payload } = JSON.parse(data);
      if (type === 'chatMessage' && payload.seq > 305 && payload.seq < 380) {
        if (payload.seq === 306) socket.send(JSON.stringify({ type: 'gap', payload: { from: 306, to: 379 } }));
        return;
      }
      socket.send(data);
    });
  });
  await page.goto(new URL('/?room=gap&username=alice', server.page).href);
  await page.locator('.gap').getByText('You missed 74 messages.').scrollIntoViewIfNeeded();
  await alice.picture('gap');
  await page.getByRole('button', { name: 'Load them' }).click();
  await page.locator('.gap').waitFor({ state: 'detached' });
  const all = await numbers(alice);
  assertContiguous(all);
  assert.equal(all.at(-1), 400);
  assert.ok(all[0] <= 301);
});

test('a message that was erased says so', async () => {
  await server.import('erased', [['2026-03-01T10:00:00.000Z', 'mallory', 'a secret'], ['2026-03-01T10:01:00.000Z', 'bob', 'well']]);
  await server.forget('mallory');
  const alice = await people.join(server, 'alice', { room: 'erased' });
  await alice.reads(['This message was removed.', 'well']);
});
