import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { browser } from '../support/browser.js';
import { running, startServer } from '../support/server.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const server = running({ stored: true });
const people = browser();

/** What a scan by the rules of WCAG 2.2, level AA, and of best practice has to say. */
async function findings({ page }) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  return violations.map(({ id, impact, nodes }) => `${impact}: ${id} at ${nodes.map(({ target }) => target).join(', ')}`);
}

for (const colorScheme of ['light', 'dark']) {
  test(`an accessibility scan finds nothing in any state, ${colorScheme}`, async () => {
    const room = { light: 'studio', dark: 'studio-at-night' }[colorScheme];
    const newcomer = await people.open(server, `/?room=${room}`, { colorScheme });
    await newcomer.page.getByRole('dialog').waitFor();
    assert.deepEqual(await findings(newcomer), [], 'joining');
    await newcomer.picture(`join-${colorScheme}`);
    await newcomer.page.getByLabel('Your name').fill('n'.repeat(5_000));
    await newcomer.page.getByLabel('Room', { exact: true }).fill('not a room!');
    await newcomer.page.keyboard.press('Enter');
    await newcomer.page.getByText('this one has 5,000').waitFor();
    assert.deepEqual(await findings(newcomer), [], 'joining, refused');
    await newcomer.picture(`join-refused-${colorScheme}`);

    await server.import(room, [
      ['2026-03-01T10:00:00.000Z', 'dora', 'The minutes of yesterday are at https://example.org/minutes/2026-02-28 now.'],
      ['2026-03-01T10:01:00.000Z', 'dora', 'Please read them\n  – before noon, and\n  – twice.'],
      ['2026-03-02T09:00:00.000Z', 'emil', 'I have. There is a number missing in the second table.'],
      ['2026-03-02T09:12:00.000Z', 'alice', 'Which one?'],
      ['2026-03-02T09:12:30.000Z', 'emil', 'The third, of the last row.'],
      ['2026-03-02T09:12:40.000Z', 'emil', 'مرحبا, and right to left works as well.'],
      ['2026-03-02T09:13:00.000Z', 'alice', 'Then I shall add it.'],
    ]);
    const alice = await people.join(server, 'alice', { room, colorScheme });
    await alice.sees('Then I shall add it.');
    assert.deepEqual(await findings(alice), [], 'a room');
    await alice.picture(`room-${colorScheme}`);
    const phone = { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true, colorScheme };
    const bob = await people.join(server, 'bob', { room, ...phone });
    await bob.say('From the train.');
    await bob.sees('From the train.');
    assert.deepEqual(await findings(bob), [], 'a room on a phone');
    await bob.picture(`phone-${colorScheme}`);

    await server.kill();
    await alice.state.getByText('The connection was lost.').waitFor();
    await alice.say('Is anybody there?');
    await alice.page.getByText('Will be sent').waitFor();
    await alice.page.waitForTimeout(600);
    assert.deepEqual(await findings(alice), [], 'without a connection');
    await alice.picture(`lost-${colorScheme}`);
    await bob.picture(`phone-lost-${colorScheme}`);
    await server.start();
    await alice.isConnected();
  });
}

test('by the keyboard alone one joins, writes, reads above, and comes back', async () => {
  await server.import('keys', Array.from({ length: 120 }, (_, at) => ['2026-03-01T10:00:00.000Z', 'bob', `number ${at + 1}`]));
  const { page, ...alice } = await people.open(server, '/?room=keys');
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
  await page.getByRole('dialog').waitFor();
  assert.equal(await focused(), 'name');
  await page.keyboard.type('alice');
  await page.keyboard.press('Enter');
  await page.getByText('number 120').waitFor();
  assert.equal(await focused(), 'text');
  await page.keyboard.type('typed at once');
  await page.keyboard.press('Enter');
  await page.locator('#lines').getByText('typed at once').waitFor();
  assert.equal(await focused(), 'text');

  // In the order in which one reads: above, the messages, the field, the button.
  const order = [];
  await page.getByRole('heading').click();
  for (let at = 0; at < 5; at += 1) {
    await page.keyboard.press('Tab');
    order.push(await focused());
  }
  assert.deepEqual(order, ['copy', 'change', 'log', 'text', 'send']);

  await page.focus('#log');
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, 'solid', 'one sees where the focus is');
  await page.keyboard.press('Home');
  await page.getByRole('button', { name: /Jump to newest/ }).waitFor();
  await page.locator('#lines').getByText('number 1', { exact: true }).waitFor();
  await page.keyboard.press('End');
  await page.getByRole('button', { name: /Jump to newest/ }).waitFor({ state: 'hidden' });
  void alice;
});

test('a screen reader is told what others say, a burst in one sentence, and of the connection', async () => {
  const alice = await people.join(server, 'alice', { room: 'ears' });
  const bob = await people.join(server, 'bob', { room: 'ears' });
  const announcer = alice.page.locator('#announcer');
  assert.equal(await announcer.getAttribute('aria-live'), 'polite');
  await bob.say('Hello!');
  await announcer.filter({ hasText: 'bob: Hello!' }).waitFor();
  for (let at = 0; at < 10; at += 1) await bob.say(`number ${at}`);
  await announcer.filter({ hasText: '10 new messages, the last from bob' }).waitFor();
  // What one wrote oneself is no news.
  await alice.say('mine');
  await alice.sees('mine');
  assert.equal(await announcer.filter({ hasText: 'mine' }).count(), 0);
});

test('on a phone nothing is wider than the screen, and what is touched is large enough', async () => {
  const phone = { viewport: { width: 320, height: 568 }, hasTouch: true, isMobile: true };
  const alice = await people.join(server, 'alice', { room: 'a-room-with-quite-a-long-name-that-does-not-fit', ...phone });
  await alice.say(`${'unbroken'.repeat(40)} https://example.org/${'a'.repeat(200)}`);
  await alice.sees('unbroken');
  assert.ok(await alice.page.getByRole('button', { name: /Jump to newest/ }).isHidden(), 'one sees what one has said');
  const { width, touched } = await alice.page.evaluate(() => ({
    width: Math.max(document.documentElement.scrollWidth, document.getElementById('log').scrollWidth),
    touched: [...document.querySelectorAll('#app button, textarea')].filter((each) => each.checkVisibility())
      .map((each) => each.getBoundingClientRect()).map((box) => Math.min(box.width, box.height)),
  }));
  assert.ok(width <= 320, `${width} px`);
  assert.ok(Math.min(...touched) >= 24, `${touched} px`);
  assert.ok(await alice.page.getByRole('button', { name: 'Send' }).isVisible());
  await alice.picture('phone-long');
});

test('without JavaScript the page says what it needs', async () => {
  const nobody = await people.open(server, '/', { javaScriptEnabled: false });
  // By its place: what stands in a `noscript` is not looked for by its text.
  const needed = nobody.page.locator('noscript .needed');
  assert.match(await needed.textContent(), /This chat needs JavaScript/);
  assert.ok(await needed.isVisible());
  await nobody.picture('no-javascript');
});

test('the document says what it is, in which language, and how wide', async () => {
  const { page } = await people.join(server, 'alice', { room: 'head' });
  const head = await page.evaluate(() => ({
    lang: document.documentElement.lang,
    title: document.title,
    viewport: document.querySelector('meta[name=viewport]').content,
    description: document.querySelector('meta[name=description]').content,
    doctype: document.compatMode,
  }));
  assert.equal(head.lang, 'en');
  assert.equal(head.title, 'head · Hallway');
  assert.match(head.viewport, /width=device-width/);
  assert.ok(head.description.length > 20);
  assert.equal(head.doctype, 'CSS1Compat');
});

test('the style sheet is served without its comments, and says the same', async () => {
  const { page } = await people.join(server, 'alice', { room: 'style' });
  const source = readFileSync(new URL('../../page/page.css', import.meta.url), 'utf8');
  const [served, written] = await page.evaluate((source) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(source);
    return [document.styleSheets[0], sheet].map(({ cssRules }) => [...cssRules].map(({ cssText }) => cssText.replaceAll(', ', ',')));
  }, source);
  assert.ok(written.length > 80);
  assert.deepEqual(served, written);
});

test('a page whose scripts do not come says that it has not loaded', async () => {
  const { page, complaints } = await people.open(server, '/healthz');
  await page.route('**/page.js', (route) => route.abort());
  await page.goto(new URL('/?room=unloaded&username=alice', server.page).href);
  const words = page.getByText('The chat has not loaded.');
  await page.waitForFunction(() => getComputedStyle(document.getElementById('unloaded')).visibility === 'visible');
  assert.ok(await words.isVisible());
  await page.unroute('**/page.js');
  await page.reload();
  await page.getByText('1 person').waitFor();
  assert.ok(await words.isHidden());
  assert.deepEqual(complaints, []);
});

test('with five connections from one address one has the page and chats', async (t) => {
  const narrow = await startServer(t, { options: ['--max-per-ip', '5'] });
  for (let round = 0; round < 5; round += 1) {
    const alice = await people.join(narrow, 'alice', { room: 'narrow' });
    await alice.say(`round ${round}`);
    await alice.sees(`round ${round}`);
    await alice.page.context().close();
  }
});

test('on paper there are all the messages that are shown, and nothing to press', async () => {
  await server.import('paper', Array.from({ length: 90 }, (_, at) => ['2026-03-01T10:00:00.000Z', 'bob', `number ${at + 1}`]));
  const { page } = await people.join(server, 'alice', { room: 'paper' });
  await page.locator('#lines').getByText('number 90').waitFor();
  await page.emulateMedia({ media: 'print' });
  const shown = await page.evaluate(() => [
    document.getElementById('log').scrollHeight - document.getElementById('log').clientHeight,
    document.documentElement.scrollHeight > 1_500,
    [...document.querySelectorAll('button, textarea')].filter((each) => each.checkVisibility()).length,
  ]);
  assert.deepEqual(shown, [0, true, 0]);
});
