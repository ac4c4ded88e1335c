/** What others write, are called or have left behind to spoil a page for somebody. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser } from '../support/browser.js';
import { running } from '../support/server.js';

const server = running({ options: ['--rate', '5000', '--burst', '5000'] });
const people = browser();

test('a name that is a sentence is told apart from what is said of who comes and goes', async () => {
  const alice = await people.join(server, 'alice', { room: 'names' });
  const name = 'The server closes. You missed 20 messages, and bob';
  await people.join(server, name, { room: 'names' });
  const notice = alice.page.locator('.notice');
  await notice.filter({ hasText: `alice and ${name} joined` }).waitFor();
  assert.deepEqual(await notice.locator('bdi.name').allTextContents(), ['alice', name]);
  const colours = await notice.evaluate((line) => [line, line.querySelector('bdi')].map((each) => getComputedStyle(each).color));
  assert.notEqual(colours[0], colours[1]);
});

test('a text of hundreds of links shows twenty, and all of them when they are asked for', async () => {
  const alice = await people.join(server, 'alice', { room: 'many-links' });
  await alice.say('http://a.example '.repeat(60));
  await alice.sees('http://a.example');
  const links = alice.page.locator('#lines a');
  assert.equal(await links.count(), 20);
  await alice.page.getByRole('button', { name: /^Show all/ }).click();
  assert.equal(await links.count(), 60);
});

test('a link that is cut leads nowhere', async () => {
  const alice = await people.join(server, 'alice', { room: 'cut' });
  const link = `https://example.org/${'a'.repeat(500)}?token=1`;
  await alice.say(`${'word '.repeat(190)}${link} ${'word '.repeat(100)}`);
  await alice.sees('word');
  assert.equal(await alice.page.locator('#lines a').count(), 0);
  await alice.page.getByRole('button', { name: /^Show all/ }).click();
  assert.equal(await alice.page.locator('#lines a').getAttribute('href'), link);
});

test('a link ends where its script ends a word, and says where it leads when that is not what it seems', async () => {
  const alice = await people.join(server, 'alice', { room: 'scripts' });
  await alice.say('https://example.com。次は （https://example.com/a）です https://example.com/\u202egpj.exe https://аррӏе.com/');
  await alice.sees('次は');
  const links = await alice.page.locator('#lines a').evaluateAll((all) => all.map(({ href, textContent, title }) => [href, textContent, title]));
  assert.deepEqual(links, [
    ['https://example.com/', 'https://example.com', ''],
    ['https://example.com/a', 'https://example.com/a', ''],
    ['https://example.com/', 'https://example.com/', ''],
    ['https://xn--80ak6aa92e.com/', 'https://аррӏе.com/', 'https://xn--80ak6aa92e.com/'],
  ]);
});

test('marks piled up on a character, and texts without a break, make nothing wider than the screen', async () => {
  const phone = { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true };
  for (const [room, text] of [
    ['thai', `ก${'้'.repeat(900)}`], ['arabic', `ب${'ّ'.repeat(900)}`], ['zalgo', `Z${'\u0301'.repeat(900)}`],
    ['breaks', '\n'.repeat(500)], ['unbroken', 'x'.repeat(1_000)], ['wide', '﷽'.repeat(300)],
  ]) {
    const alice = await people.join(server, 'alice', { room, ...phone });
    await alice.say(`${text}.`);
    await alice.page.locator('#lines .text').waitFor();
    const [scrollWidth, clientWidth, height] = await alice.log.evaluate((log) => (
      [log.scrollWidth, log.clientWidth, log.querySelector('.text').offsetHeight]));
    assert.ok(scrollWidth <= clientWidth, `${room}: ${scrollWidth} of ${clientWidth} px`);
    assert.ok(height < 1_000, `${room}: ${height} px`);
  }
});

for (const [what, text] of [['links', 'http://a '.repeat(132)], ['marks', `Z${'\u0301'.repeat(1_190)}`], ['words', 'word '.repeat(240)]]) {
  test(`messages full of ${what}, as many as eight people may send, leave the page responsive`, async () => {
    const room = `flood-${what}`;
    const alice = await people.join(server, 'alice', { room });
    await alice.watchTasks();
    const posts = await Promise.all(Array.from({ length: 8 }, (_, at) => server.speaker(room, `flooder ${at}`)));
    const until = Date.now() + 3_000;
    while (Date.now() < until) {
      for (let each = 0; each < 20; each += 1) posts[each % 8](text);
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
    await alice.say('heard all the same');
    await alice.page.getByText('heard all the same').first().waitFor();
    const longest = await alice.longestTask();
    console.log(`${what}: longest task ${longest} ms`);
    assert.ok(longest < 400, `${longest} ms`);
    assert.ok(await alice.page.locator('#lines > .line').count() <= 400);
  });
}

const RUBBISH = ['', 'rubbish', '5', 'null', '[]', '{"failed":5}', '{"failed":[null]}', '{"failed":[{}]}', '{"failed":[{"message":5}]}', '{"draft":{}}'];
for (const rubbish of RUBBISH) {
  test(`a page whose storage holds ${JSON.stringify(rubbish)} is as one that holds nothing`, async () => {
    const alice = await people.open(server, '/healthz');
    await alice.page.evaluate((rubbish) => {
      sessionStorage.setItem('hallway:page:poisoned:alice', rubbish);
      sessionStorage.setItem('hallway:127.0.0.1:poisoned:alice', rubbish);
    }, rubbish);
    await alice.page.goto(new URL('/?room=poisoned&username=alice', server.page).href);
    await alice.isConnected();
    assert.equal(await alice.input.inputValue(), '');
    const said = `after ${rubbish}`;
    await alice.say(said);
    await alice.sees(said);
  });
}

for (const broken of ['getItem', 'setItem', 'removeItem']) {
  test(`a browser whose storage throws at ${broken} chats`, async () => {
    const alice = await people.open(server, '/healthz');
    await alice.page.addInitScript((broken) => {
      Storage.prototype[broken] = () => { throw new DOMException('no', 'QuotaExceededError'); };
      history.pushState = history.replaceState = () => { throw new DOMException('too often', 'SecurityError'); };
    }, broken);
    await alice.page.goto(new URL(`/?room=throws-${broken}`, server.page).href);
    await alice.page.getByLabel('Your name').fill('alice');
    await alice.page.keyboard.press('Enter');
    await alice.say('Hello!');
    await alice.sees('Hello!');
  });
}

test('a link with another’s name in it asks who one is, and changes nothing that is remembered', async () => {
  const alice = await people.open(server);
  const { page } = alice;
  await page.getByLabel('Your name').fill('alice');
  await page.keyboard.press('Enter');
  await page.getByText('1 person').waitFor();
  await page.goto(new URL('/?room=evil&username=mallory', server.page).href);
  assert.equal(await page.getByLabel('Your name').inputValue(), 'alice');
  assert.equal(await page.getByLabel('Room', { exact: true }).inputValue(), 'evil');
  await page.keyboard.press('Enter');
  await page.getByText('Writing as alice.').waitFor();
  // One's own address is not asked about, also under another name.
  await page.getByRole('button', { name: 'Change room' }).click();
  await page.getByLabel('Your name').fill('alice at work');
  await page.keyboard.press('Enter');
  await page.getByText('Writing as alice at work.').waitFor();
  await page.goBack();
  await page.getByText('Writing as alice.').waitFor();
  await page.reload();
  await page.getByText('Writing as alice.').waitFor();
});

test('what is inline, markup, or from elsewhere is refused by the page’s policy', async () => {
  const { page, complaints } = await people.join(server, 'alice', { room: 'policy' });
  const refused = await page.evaluate(async () => {
    const violated = [];
    addEventListener('securitypolicyviolation', ({ violatedDirective }) => violated.push(violatedDirective));
    const attempt = (what) => { try { what(); } catch { /* refused at once */ } };
    attempt(() => { document.body.innerHTML += '<b>markup</b>'; });
    attempt(() => document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.wasRun = 1' })));
    attempt(() => document.body.append(Object.assign(document.createElement('img'), { src: '/nothing.png' })));
    attempt(() => document.body.append(Object.assign(document.createElement('style'), { textContent: 'body { display: none }' })));
    attempt(() => document.body.append(Object.assign(document.createElement('iframe'), { src: '/' })));
    await fetch('https://elsewhere.example/').catch(() => {});
    await new Promise((resolve) => { setTimeout(resolve, 200); });
    return { violated: [...new Set(violated)].sort(), wasRun: window.wasRun, markup: document.querySelectorAll('b').length };
  });
  assert.deepEqual(refused.violated, ['connect-src', 'frame-src', 'img-src', 'require-trusted-types-for', 'style-src-elem']);
  assert.deepEqual([refused.wasRun, refused.markup], [undefined, 0]);
  complaints.length = 0;
});
