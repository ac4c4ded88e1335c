/**
 * Where one writes, and what was written and is not in the room yet. Nothing that was typed is lost: the draft and what could not be
 * sent are kept over reloads by this, what is on its way by the chat's own outbox.
 */

import { showFault } from './fault.js';
import { button, element, text } from './lines.js';
import { strings } from './strings.js';

/** Messages that failed and are kept over a reload. */
const MAX_FAILED = 1_000;

export class Composer {
  #elements;
  #storage;
  #heed;

  #chat = null;
  #key = '';
  // By reference: what is on its way, and what failed, as it is shown.
  #pending = new Map();
  // Up to which number the room's messages have come here, or will not.
  #passed = 0;

  /**
   * @param {{ form: HTMLFormElement, input: HTMLTextAreaElement, error: HTMLElement, pending: HTMLElement }} elements
   * @param {Storage | undefined} storage
   * @param {{ sent(): void, say(words: string): void }} heed
   */
  constructor({ form, input, error, pending }, storage, heed) {
    this.#elements = { form, input, error, pending };
    this.#storage = storage;
    this.#heed = heed;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    input.addEventListener('keydown', (event) => {
      // While a word is being composed, Enter chooses it; Safari says so with a key code.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      this.#submit();
    });
    input.addEventListener('input', () => this.#typed());
    addEventListener('resize', () => this.#fit());
  }

  /** Writes into another room. Its draft, and what is unsent from before a reload, are there again. */
  begin(chat) {
    this.#chat = chat;
    this.#key = `hallway:page:${chat.room}:${chat.username}`;
    this.#pending.clear();
    this.#passed = 0;
    this.#elements.pending.replaceChildren();
    const { draft, failed } = kept(this.#storage, this.#key);
    for (const item of failed) this.#show(item);
    for (const item of chat.outbox) this.#show(item);
    this.#write(draft);
    this.#say('');
    chat.on('state', () => {
      for (const item of this.#pending.values()) if (!item.why) this.#draw(item);
    });
    chat.on('sent', ({ ref, seq }) => this.#sent(ref, seq));
    chat.on('failed', ({ ref, message, error }) => this.#failed(ref, message, error));
  }

  /** How many messages are not in the room, and will not be by themselves. */
  get unsent() {
    return [...this.#pending.values()].filter(({ why }) => why || this.#chat.state !== 'open').length;
  }

  /** A message of the reader's own is in the room: it is shown there, and not here any more. */
  arrived({ seq, message }) {
    const items = [...this.#pending.values()];
    // It may come before its acknowledgement: then the text alone says that they are one.
    this.#hide(items.find((item) => item.seq === seq)
      ?? items.find((item) => !item.why && item.seq === undefined && item.message === message));
  }

  /** What has a number up to this has come, or will not come: no line here waits for it. */
  passed(seq) {
    this.#passed = seq;
    for (const item of [...this.#pending.values()]) if (item.seq <= seq) this.#hide(item);
  }

  focus() {
    this.#elements.input.focus({ preventScroll: true });
  }

  #submit() {
    const message = this.#elements.input.value;
    if (message.trim() === '') return this.focus();
    if (!this.#send(message)) return;
    this.#write('');
    this.#keep();
    this.focus();
  }

  /** Whether it is on its way; if not it was said why. */
  #send(message, ref = reference()) {
    this.#say('');
    const sending = this.#chat.send(message, { ref });
    // How it ends comes as an event: also for those from before a reload, which nobody waits for.
    const item = this.#chat.outbox.find((each) => each.ref === ref);
    sending.catch((error) => {
      if (!item) this.#say(refusal(error));
    });
    if (!item) return false;
    this.#show(item);
    this.#heed.sent();
    return true;
  }

  #sent(ref, seq) {
    const item = this.#pending.get(ref);
    if (!item) return;
    // Its line stays until the message itself takes its place.
    item.seq = seq;
    if (seq <= this.#passed) this.#hide(item);
  }

  #failed(ref, message, error) {
    const { code } = error;
    const why = Object.hasOwn(strings.failures, code)
      ? strings.failures[code] : strings.notSent(code === 'too_long' ? refusal(error) : error.message);
    this.#show({ ref, message, why, code });
    this.#keep();
    this.#heed.say(why);
  }

  #show(item) {
    this.#hide(this.#pending.get(item.ref));
    this.#pending.set(item.ref, item);
    item.status = element('p', { className: 'status' });
    item.node = element('div', {}, element('div', { className: 'body' }, text(item.message), item.status));
    this.#draw(item);
    this.#elements.pending.append(item.node);
  }

  /** What becomes of it. */
  #draw(item) {
    const { node, status, why } = item;
    const isOpen = this.#chat.state === 'open';
    node.className = `line message own ${why ? 'failed' : isOpen ? 'sending' : 'waiting'}`;
    if (!why) return status.replaceChildren(isOpen ? strings.sending : strings.waiting);
    const actions = [
      button(strings.tryAgain, () => this.#again(item)),
      button(strings.edit, () => this.#edit(item)),
      button(strings.discard, () => this.#discard(item)),
    ];
    status.replaceChildren(`${why} `, ...actions.flatMap((action) => [action, ' ']));
  }

  #hide(item) {
    if (!item) return;
    item.node.remove();
    this.#pending.delete(item.ref);
  }

  #again(item) {
    // Under the same reference it is the same message: what was said already is not said again.
    const isSame = item.code !== 'too_long';
    if (!this.#send(item.message, isSame ? item.ref : undefined)) return;
    if (!isSame) this.#hide(item);
    this.#keep();
    this.focus();
  }

  #edit(item) {
    const { value } = this.#elements.input;
    this.#write(value === '' ? item.message : `${item.message}\n${value}`);
    this.#hide(item);
    this.#keep();
    this.focus();
  }

  #discard(item) {
    this.#hide(item);
    this.#keep();
    this.focus();
  }

  // What is typed

  #typed() {
    this.#say('');
    this.#fit();
    this.#keep();
  }

  #write(value) {
    this.#elements.input.value = value;
    this.#fit();
  }

  /** As high as what is in it; the style sheet says how high at most. */
  #fit() {
    const { form, input } = this.#elements;
    // While it is measured the form keeps its height: if it shrank, the log above would grow for a moment, and scroll.
    form.style.height = `${form.offsetHeight}px`;
    input.style.height = 'auto';
    input.style.height = `${input.scrollHeight + input.offsetHeight - input.clientHeight}px`;
    form.style.height = '';
  }

  #say(what) {
    showFault(this.#elements.input, this.#elements.error, what);
  }

  #keep() {
    const failed = [...this.#pending.values()].filter(({ why }) => why)
      .map(({ ref, message, why, code }) => ({ ref, message, why, code }));
    const draft = this.#elements.input.value;
    try {
      if (draft === '' && failed.length === 0) this.#storage?.removeItem(this.#key);
      else this.#storage?.setItem(this.#key, JSON.stringify({ draft, failed }));
    } catch {
      // There is no space: it is kept for as long as the page lives.
    }
  }
}

/** What was kept, whoever has written there since. */
function kept(storage, key) {
  const isText = (value) => typeof value === 'string';
  try {
    const { draft, failed } = JSON.parse(storage.getItem(key));
    const items = (Array.isArray(failed) ? failed : []).filter((item) => (
      [item?.ref, item?.message, item?.why, item?.code].every(isText)));
    return { draft: isText(draft) ? draft : '', failed: items.slice(0, MAX_FAILED) };
  } catch {
    return { draft: '', failed: [] };
  }
}

/** Why the module does not take a message, in the page's words. */
function refusal({ code, bytes, limit, message }) {
  switch (code) {
    case 'too_long': return strings.tooLong(bytes, limit);
    case 'outbox_full': return strings.outboxFull;
    case 'closed': return strings.notConnected;
    default: return message;
  }
}

/** Also where there is no `crypto.randomUUID`: in pages without TLS. */
function reference() {
  return crypto.getRandomValues(new Uint32Array(4)).join('.');
}
