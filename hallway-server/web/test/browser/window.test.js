/** The window on the messages where the server, the network or the reader does not do what one expects. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser } from '../support/browser.js';
import { running, startServer } from '../support/server.js';

const server = running({ stored: true, options: ['--rate', '5000', '--burst', '5000'] });
const people = browser();

const minute = (at) => new Date(Date.parse('2026-02-01T00:00:00.000Z') + at * 60_000).toISOString();

/** Fills a room with so many messages, of so many characters beside their number. */
function fill(room, count, length = () => 0) {
  return server.import(room, Array.from({ length: count }, (_, at) => (
    [minute(at), at % 3 ? 'bob' : 'carol', `number ${at + 1} ${'x'.repeat(length(at))}`])));
}

/** What the lines say, from above: the number of a message, or the words of a gap. */
function lines({ page }) {
  return page.locator('#lines > .line').evaluateAll((all) => all.map((line) => (
    line.matches('.gap') ? line.textContent : Number(line.querySelector('.text')?.textContent.match(/^number (\d+)/)?.[1])))
    .filter((each) => !Number.isNaN(each)));
}

async function assertWhole(person) {
  const all = await lines(person);
  for (let at = 1; at < all.length; at += 1) assert.equal(all[at], all[at - 1] + 1, `between ${all[at - 1]} and ${all[at]}`);
  return all;
}

/** Scrolls to one end again and again, until what is there says so. */
async function scroll({ page }, end, isThere, argument) {
  const until = Date.now() + 15_000;
  do {
    assert.ok(Date.now() < until, `scrolled to the ${end}, and it never came to ${isThere}`);
    await page.evaluate((end) => {
      const log = document.getElementById('log');
      log.scrollTop = end === 'top' ? 0 : log.scrollHeight;
    }, end);
    await page.waitForTimeout(50);
  } while (!await page.evaluate(isThere, argument));
}

const isBeginning = () => document.getElementById('top').textContent.includes('The room begins here.');
const isNotLoaded = () => document.getElementById('top').textContent.includes('could not be loaded');
const isEnd = () => document.getElementById('jump').hidden;

test('pages that are shorter than asked for leave no hole, up or down', async () => {
  // A page ends at 64 KiB: some 20 of these.
  await fill('short', 700, (at) => (at % 3 ? 0 : 9_000));
  const alice = await people.join(server, 'alice', { room: 'short' });
  await scroll(alice, 'top', isBeginning);
  assert.equal((await assertWhole(alice))[0], 1);
  await scroll(alice, 'bottom', isEnd);
  assert.equal((await assertWhole(alice)).at(-1), 700);
});

test('who jumps to the newest while older ones are on their way sees the newest, and nothing else between them', async () => {
  await fill('late', 1_200);
  let release;
  const held = new Promise((resolve) => { release = resolve; });
  let pages = 0;
  const alice = await people.behind(server, 'alice', 'late', {
    answer: async (frame) => {
      if (frame.type === 'history' && (pages += 1) === 6) await held;
      return frame;
    },
  });
  await alice.sees('number 1200');
  await scroll(alice, 'top', () => (
    document.getElementById('top').textContent.includes('Loading') && document.querySelectorAll('#lines > .line').length > 380));
  await alice.page.getByRole('button', { name: /Jump to newest/ }).click();
  release();
  await alice.say('number 1201');
  await alice.sees('number 1201');
  assert.equal((await assertWhole(alice)).at(-1), 1_201);
  await scroll(alice, 'top', isBeginning);
  assert.equal((await assertWhole(alice))[0], 1);
});

test('a page that did not come is said, can be asked for again, and does not end scrolling back', async () => {
  await fill('failing', 600);
  let isFailing = true;
  const alice = await people.behind(server, 'alice', 'failing', {
    answer: ({ type, payload }) => (type === 'history' && isFailing
      ? { type: 'error', payload: { code: 'unavailable', text: 'the store does not answer', ref: payload.ref } }
      : { type, payload }),
  });
  await alice.sees('number 600');
  await scroll(alice, 'top', isNotLoaded);
  await alice.picture('not-loaded');
  await alice.page.locator('#announcer').getByText('could not be loaded').waitFor({ state: 'attached' });
  await alice.page.getByRole('button', { name: /Jump to newest/ }).click();
  await scroll(alice, 'top', isNotLoaded);
  isFailing = false;
  await alice.page.getByRole('button', { name: 'Try again' }).press('Enter');
  assert.equal(await alice.page.evaluate(() => document.activeElement.id), 'log', 'the focus is somewhere');
  await scroll(alice, 'top', isBeginning);
  assert.equal((await assertWhole(alice))[0], 1);
});

test('what is no longer kept below where one reads is a line, and not skipped without a word', async (t) => {
  const small = await startServer(t, { options: ['--history', '100', '--rate', '5000', '--burst', '5000'] });
  const post = await small.speaker('forgetful', 'bob');
  const alice = await people.join(small, 'alice', { room: 'forgetful' });
  for (let at = 1; at <= 350; at += 1) post(`number ${at}`);
  await alice.sees('number 350');
  await alice.page.evaluate(() => { document.getElementById('log').scrollTop = 200; });
  await alice.page.getByRole('button', { name: /Jump to newest/ }).waitFor();
  for (let at = 351; at <= 900; at += 1) post(`number ${at}`);
  await alice.page.getByRole('button', { name: 'Jump to newest (550 new)' }).waitFor();
  await scroll(alice, 'bottom', isEnd);
  const all = await lines(alice);
  assert.equal(all.at(-1), 900);
  const gaps = all.filter((each) => typeof each === 'string');
  assert.equal(gaps.length, 1, `${gaps}`);
  const at = all.indexOf(gaps[0]);
  assert.equal(gaps[0], `${all[at + 1] - all[at - 1] - 1} messages are no longer kept.`);
});

test('the marker of what is new is where one stopped reading, however much has come since', async () => {
  const alice = await people.join(server, 'alice', { room: 'much' });
  const bob = await people.join(server, 'bob', { room: 'much' });
  await bob.say('number 1');
  await alice.sees('number 1');
  await alice.page.evaluate(() => {
    document.hasFocus = () => false;
    // A page that nobody sees is not drawn.
    globalThis.draw = globalThis.requestAnimationFrame;
    globalThis.waiting = [];
    globalThis.requestAnimationFrame = (callback) => globalThis.waiting.push(callback);
  });
  const post = await server.speaker('much', 'carol');
  for (let at = 2; at <= 450; at += 1) post(`number ${at}`);
  await alice.page.waitForFunction(() => document.title.startsWith('(449) '), undefined, { polling: 50 });
  await alice.page.evaluate(() => {
    globalThis.requestAnimationFrame = globalThis.draw;
    for (const callback of globalThis.waiting) callback(performance.now());
    delete document.hasFocus;
    dispatchEvent(new Event('focus'));
  });
  await alice.sees('number 450');
  await scroll(alice, 'top', () => document.querySelector('.line:has(.unread)') !== null);
  assert.equal(await alice.page.locator('.line:has(.unread) .text').textContent(), 'number 2');
  await assertWhole(alice);
});

test('missed messages are loaded also while others are, and a page of them that does not come is said', async () => {
  await fill('gaps', 900);
  let isFailing = true;
  const alice = await people.behind(server, 'alice', 'gaps', {
    answer: ({ type, payload }) => {
      // The server gave up on all but the first and the last of what it replays.
      if (type === 'chatMessage' && payload.seq > 801 && payload.seq < 890) {
        return payload.seq === 802 ? { type: 'gap', payload: { from: 802, to: 889 } } : null;
      }
      if (type === 'history' && isFailing) {
        return { type: 'error', payload: { code: 'unavailable', text: 'the store does not answer', ref: payload.ref } };
      }
      return { type, payload };
    },
  });
  const gap = alice.page.locator('.gap');
  await gap.getByRole('button', { name: 'Load them' }).click();
  await gap.getByText('Loading failed.').waitFor();
  isFailing = false;
  await gap.getByRole('button', { name: 'Try again' }).press('Enter');
  await gap.waitFor({ state: 'detached' });
  assert.equal(await alice.page.evaluate(() => document.activeElement.id), 'log', 'the focus is somewhere');
  assert.equal((await assertWhole(alice)).at(-1), 900);
});

test('a gap of thousands is loaded page by page, and the document does not grow with it', async () => {
  await fill('abyss', 3_000);
  const alice = await people.behind(server, 'alice', 'abyss', {
    answer: ({ type, payload }) => {
      if (type !== 'chatMessage' || payload.seq >= 2_990) return { type, payload };
      return payload.seq === 2_989 ? { type: 'gap', payload: { from: 2, to: 2_989 } } : null;
    },
  });
  for (let missing = 2_988; missing > 2_000; missing -= 100) {
    const words = `You missed ${missing.toLocaleString('en')} messages.`;
    await scroll(alice, 'top', (words) => document.querySelector('.gap')?.textContent.startsWith(words), words);
    await alice.page.locator('.gap').getByRole('button', { name: 'Load them' }).click();
    await alice.page.locator('.gap').filter({ hasNotText: words }).or(alice.page.locator('#top p')).first().waitFor();
  }
  assert.ok(await alice.page.locator('#lines > .line').count() <= 400);
});

test('what one reads stays where it is when the window gets narrower, or the connection is lost', async () => {
  await fill('steady', 600, (at) => (at * 37) % 150);
  const alice = await people.join(server, 'alice', { room: 'steady' });
  await alice.sees('number 600');
  await scroll(alice, 'top', () => document.querySelectorAll('#lines .message').length > 150);
  await alice.page.evaluate(() => { document.getElementById('log').scrollTop = 2_000; });
  const reading = () => alice.page.evaluate(() => new Promise((resolve) => {
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const edge = document.getElementById('log').getBoundingClientRect().top;
      const line = [...document.querySelectorAll('#lines > .line')].find((each) => each.getBoundingClientRect().bottom > edge + 1);
      resolve(line.querySelector('.text').textContent);
    }));
  }));
  const before = await reading();
  await alice.page.setViewportSize({ width: 400, height: 640 });
  assert.equal(await reading(), before);
  await alice.page.setViewportSize({ width: 960, height: 500 });
  assert.equal(await reading(), before);
  const y = () => alice.page.locator('#lines .text', { hasText: before }).evaluate((text) => text.getBoundingClientRect().top);
  const top = await y();
  await server.kill();
  await alice.state.getByText('The connection was lost.').waitFor();
  await reading();
  assert.ok(Math.abs(await y() - top) <= 1, `from ${top} to ${await y()} px`);
  await server.start();
  await alice.isConnected();
  await reading();
  assert.ok(Math.abs(await y() - top) <= 1, `from ${top} to ${await y()} px`);
});

test('who writes several lines stays at the end, and what comes meanwhile is seen', async () => {
  const phone = { viewport: { width: 320, height: 568 }, hasTouch: true, isMobile: true };
  for (const [name, options] of [['desk', {}], ['phone', phone]]) {
    const room = `writing-${name}`;
    await fill(room, 50);
    const alice = await people.join(server, 'alice', { room, ...options });
    const bob = await people.join(server, 'bob', { room });
    await alice.sees('number 50');
    await alice.input.focus();
    for (let at = 0; at < 8; at += 1) await alice.page.keyboard.press('Shift+Enter');
    await bob.say('seen at once');
    await alice.sees('seen at once');
    assert.ok(await alice.page.getByRole('button', { name: /Jump/ }).isHidden(), name);
    assert.equal(await alice.page.title(), `${room} · Hallway`);
    await alice.page.keyboard.type('x');
    await alice.page.keyboard.press('Enter');
    await alice.sees('x');
    assert.ok(await alice.page.getByRole('button', { name: /Jump/ }).isHidden(), name);
  }
});

test('who goes to the end while older messages are on their way stays there', async () => {
  await fill('homeward', 1_000);
  let release;
  let held = Promise.resolve();
  const alice = await people.behind(server, 'alice', 'homeward', {
    answer: async (frame) => {
      if (frame.type === 'history') await held;
      return frame;
    },
  });
  await alice.sees('number 1000');
  // A full window that ends with the room: what comes while one reads above is added to it.
  await scroll(alice, 'top', () => document.querySelectorAll('#lines > .line').length > 280);
  await scroll(alice, 'bottom', isEnd);
  const post = await server.speaker('homeward', 'bob');
  for (let at = 1_001; at <= 1_150; at += 1) post(`number ${at}`);
  await alice.sees('number 1150');
  held = new Promise((resolve) => { release = resolve; });
  await scroll(alice, 'top', () => document.getElementById('top').textContent.includes('Loading'));
  await scroll(alice, 'bottom', isEnd);
  release();
  await alice.page.waitForFunction(() => !document.getElementById('top').textContent.includes('Loading'));
  assert.equal((await assertWhole(alice)).at(-1), 1_150);
  assert.ok(await alice.page.evaluate(isEnd));
});

test('who reads on in a long message is not taken away from it by the next one', async () => {
  const alice = await people.join(server, 'alice', { room: 'unfolded' });
  const bob = await people.join(server, 'bob', { room: 'unfolded' });
  await bob.say(Array.from({ length: 200 }, (_, at) => `line ${at}`).join('\n'));
  await alice.page.getByRole('button', { name: 'Show all 200 lines' }).click();
  await alice.page.getByRole('button', { name: 'Jump to newest', exact: true }).waitFor();
  const y = () => alice.page.locator('#lines .text').first().evaluate((text) => text.getBoundingClientRect().top);
  const before = await y();
  await bob.say('and another thing');
  await alice.page.getByRole('button', { name: 'Jump to newest (1 new)' }).waitFor();
  assert.ok(Math.abs(await y() - before) <= 1, `from ${before} to ${await y()} px`);
});

test('a room that begins anew twice leaves what one reads where it is, and knows what is gone', async (t) => {
  const memory = await startServer(t, { options: ['--rate', '5000', '--burst', '5000', '--history', '100'] });
  const post = await memory.speaker('anew', 'bob');
  const alice = await people.join(memory, 'alice', { room: 'anew' });
  for (let at = 1; at <= 200; at += 1) post(`number ${at}`);
  await alice.sees('number 200');
  await alice.page.evaluate(() => { document.getElementById('log').scrollTop = 100; });
  await alice.page.getByRole('button', { name: /Jump to newest/ }).waitFor();
  for (let at = 201; at <= 900; at += 1) post(`number ${at}`);
  await alice.page.getByRole('button', { name: 'Jump to newest (700 new)' }).waitFor();
  const first = () => alice.page.locator('#lines .text').first().textContent();
  const reading = await first();
  await alice.listen();
  for (let life = 1; life <= 2; life += 1) {
    await memory.kill();
    await memory.start();
    await alice.isConnected();
    await alice.log.getByText('The room has begun anew.').nth(life - 1).waitFor({ state: 'attached' });
    assert.equal(await first(), reading);
    const speak = await memory.speaker('anew', 'carol');
    speak(`in life ${life}`);
    await alice.log.getByText(`in life ${life}`).waitFor({ state: 'attached' });
  }
  await alice.say('the last word');
  await alice.sees('the last word');
  assert.doesNotMatch(await alice.log.textContent(), /NaN/);
  // The number at which one stopped reading is another message now.
  const marked = await alice.page.locator('.line:has(.unread) .text').allTextContents();
  assert.ok(marked.every((text) => text === 'number 201'), `${marked}`);
  const announced = (await alice.page.evaluate(() => globalThis.said)).join(' ');
  assert.equal(announced.split('The room has begun anew.').length - 1, 2, announced);
});
