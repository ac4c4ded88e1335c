/** People at browsers: real ones, each with storage of their own. */

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
/** Where pictures of the main states are left, to be looked at. */
const PICTURES = new URL('../../../../target/page/', import.meta.url);
/** What a browser says when a connection fails, which is what some tests are about. */
const NETWORK = /WebSocket connection to|net::ERR_|Failed to load resource/;

/** One browser for all the tests of a file. */
export function browser() {
  let running;
  const opened = [];
  before(async () => {
    running = await chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox'] });
  });
  after(async () => {
    await running?.close();
    for (const { name, complaints } of opened) assert.deepEqual(complaints, [], `${name}’s console`);
  });
  return {
    /** Opens the page as somebody with a browser of their own; `at` is the path and query. */
    async open(server, at = '/', options = {}) {
      const context = await running.newContext({ viewport: { width: 960, height: 640 }, ...options });
      const page = await context.newPage();
      const person = new Person(page, server);
      opened.push(person);
      await page.goto(new URL(at, server.page).href);
      return person;
    },
    /** The same, in a room. */
    async join(server, username, options = {}) {
      const { room = 'lobby', ...rest } = options;
      const person = await this.open(server, `?${new URLSearchParams({ room, username })}`, rest);
      person.name = username;
      await person.isConnected();
      return person;
    },
    /**
     * Goes to a room behind something that looks at each frame, as an object: `answer` is given those of the server and `ask` those of
     * the page, both with the connection to the page, and what they give goes on: the frame, another one, or none.
     */
    async behind(server, username, room, { answer = (frame) => frame, ask = (frame) => frame }) {
      const person = await this.open(server, '/healthz');
      await person.page.routeWebSocket(/\/chat\?/, (socket) => {
        const toServer = socket.connectToServer();
        const pass = (change, target) => async (data) => {
          const frame = await change(JSON.parse(data), socket);
          if (frame) target.send(JSON.stringify(frame));
        };
        toServer.onMessage(pass(answer, socket));
        socket.onMessage(pass(ask, toServer));
      });
      await person.page.goto(new URL(`/?${new URLSearchParams({ room, username })}`, server.page).href);
      return person;
    },
  };
}

/** Somebody at a page, and what they see. */
class Person {
  name = 'somebody';
  complaints = [];

  constructor(page, server) {
    this.page = page;
    this.server = server;
    page.setDefaultTimeout(15_000);
    page.on('console', (message) => {
      const text = message.text();
      if (/error|warning/.test(message.type()) && !NETWORK.test(text)) this.complaints.push(text);
    });
    // Whoever reloads or leaves does so although something is not sent.
    page.on('dialog', (dialog) => dialog.accept());
    page.on('pageerror', (error) => this.complaints.push(error.stack));
    page.addInitScript(() => {
      addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
        console.error(`violates ${violatedDirective}: ${blockedURI}`);
      });
      // Also what no stack belongs to, such as observers that observe in a circle.
      addEventListener('error', ({ message }) => console.error(message));
    });
  }

  get input() { return this.page.getByRole('textbox', { name: 'Message', exact: true }); }
  get log() { return this.page.getByRole('log'); }
  get state() { return this.page.locator('#state'); }

  async say(message) {
    await this.input.fill(message);
    await this.input.press('Enter');
  }

  /** That a text is in the log, on a line of its own. */
  async sees(text, where = '.text') {
    await this.page.locator(`#lines ${where}`).filter({ hasText: text }).first().waitFor();
  }

  async isConnected() {
    await this.page.locator('#people').filter({ hasText: /\d/ }).waitFor();
    await this.state.waitFor({ state: 'hidden' });
  }

  /** The texts of the messages in the room that are in the document, those on their way excluded. */
  texts() {
    return this.page.locator('#lines .text').allTextContents();
  }

  /** Until the texts are these. */
  async reads(texts) {
    const until = Date.now() + 15_000;
    let seen;
    do {
      seen = await this.texts();
      if (seen.length === texts.length && seen.every((text, at) => text === texts[at])) return;
      await this.page.waitForTimeout(20);
    } while (Date.now() < until);
    assert.deepEqual(seen, texts);
  }

  /** Notes from now on how long the page's tasks take, those of 50 ms and more. */
  async watchTasks() {
    await this.page.evaluate(() => {
      globalThis.tasks = [];
      new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration)))
        .observe({ type: 'longtask' });
      // One that is too long is seen; one that is begun from here would not be, it is no task of the page.
      setTimeout(() => {
        const until = performance.now() + 300;
        while (performance.now() < until);
      });
    });
    await this.page.waitForFunction(() => globalThis.tasks.splice(0).some((duration) => duration > 200));
  }

  /** Notes from now on what is read out, in `said`. */
  listen() {
    return this.page.evaluate(() => {
      const announcer = document.getElementById('announcer');
      globalThis.said = [];
      new MutationObserver(() => said.push(announcer.textContent.trim())).observe(announcer, { childList: true });
    });
  }

  longestTask() {
    return this.page.evaluate(() => Math.max(0, ...globalThis.tasks));
  }

  async picture(name) {
    mkdirSync(PICTURES, { recursive: true });
    await this.page.screenshot({ path: fileURLToPath(new URL(`${name}.png`, PICTURES)) });
  }
}
