/** Who one is and where: in the address, so that a link is an invitation, and remembered for the next time. */

import { showFault } from './fault.js';
import { strings } from './strings.js';

const MAX = 64;

/** What is wrong with a name or a room, in words, by the rules of the server; an empty text where nothing is. */
export const faults = {
  username(username) {
    const length = [...username].length;
    return length > MAX ? strings.nameTooLong(length, MAX) : '';
  },
  room(room) {
    if (room === '') return strings.roomMissing;
    const others = [...new Set(room.replace(/[a-z0-9._-]/gi, ''))];
    if (others.length > 0) return strings.roomCharacters(others.slice(0, 5).map((each) => (each === ' ' ? '␣' : each)).join(' '));
    return room.length > MAX ? strings.roomTooLong(room.length, MAX) : '';
  },
};

/**
 * The place that the address names. `isComplete`: one can go there without being asked. Who was somebody else before is asked: the
 * address may be another's, who copied it with the name in it.
 */
export function fromAddress(memory) {
  const { searchParams } = new URL(location.href);
  const named = searchParams.get('username')?.trim();
  const known = remembered(memory, 'username');
  const isMine = named !== undefined && (history.state?.isMine || known === null || known === named);
  const room = searchParams.get('room')?.trim() || (named === undefined ? remembered(memory, 'room') : null) || 'lobby';
  const username = isMine ? named : known ?? '';
  return { place: { room, username }, isComplete: isMine && !faults.room(room) && !faults.username(username) };
}

/** The address of a place; without a name it is the link that others are given. */
export function address({ room, username }) {
  const url = new URL(location.href);
  url.search = '';
  url.hash = '';
  url.searchParams.set('room', room);
  if (username !== undefined) url.searchParams.set('username', username);
  return url.href;
}

export function remember(storage, { room, username }) {
  try {
    storage?.setItem('hallway:room', room);
    storage?.setItem('hallway:username', username);
  } catch {
    // Nothing may be stored here: it is in the address.
  }
}

function remembered(storage, what) {
  try {
    return storage?.getItem(`hallway:${what}`) ?? null;
  } catch {
    return null;
  }
}

/** The dialog that asks for a name and a room. */
export class PlaceDialog {
  #dialog;
  #fields;
  #chosen;

  /** @param {HTMLDialogElement} dialog @param {(place: { room: string, username: string }) => void} chosen */
  constructor(dialog, chosen) {
    const at = (id) => dialog.querySelector(id);
    this.#dialog = dialog;
    this.#chosen = chosen;
    this.#fields = {
      username: { input: at('#name'), error: at('#name-error') },
      room: { input: at('#room-name'), error: at('#room-error') },
    };
    dialog.querySelector('form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    for (const { input, error } of Object.values(this.#fields)) {
      input.addEventListener('input', () => showFault(input, error, ''));
    }
    at('#cancel').addEventListener('click', () => dialog.close());
    // Where there is no room to go back to, it cannot be left.
    dialog.addEventListener('cancel', (event) => {
      if (at('#cancel').hidden) event.preventDefault();
    });
    dialog.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && at('#cancel').hidden) event.preventDefault();
    });
  }

  /** Asks; `canCancel` where one is in a room already. What is wrong with what is proposed is said at once. */
  ask(place, canCancel) {
    this.#dialog.querySelector('#cancel').hidden = !canCancel;
    for (const [field, { input, error }] of Object.entries(this.#fields)) {
      input.value = place[field];
      showFault(input, error, place[field] === '' ? '' : faults[field](place[field]));
    }
    if (!this.#dialog.open) this.#dialog.showModal();
    const wrong = Object.values(this.#fields).find(({ error }) => error.textContent);
    const { input } = wrong ?? (canCancel ? this.#fields.room : this.#fields.username);
    input.focus();
    input.select();
  }

  close() {
    this.#dialog.close();
  }

  #submit() {
    const place = {};
    let wrong = null;
    for (const [field, { input, error }] of Object.entries(this.#fields)) {
      place[field] = input.value.trim();
      const fault = faults[field](place[field]);
      showFault(input, error, fault);
      if (fault) wrong ??= input;
    }
    if (wrong) return wrong.focus();
    this.close();
    this.#chosen(place);
  }
}
