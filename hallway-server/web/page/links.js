/** Finds the links in a text. Pure: what becomes of them is the caller's. */

// A link ends at a space or a quotation mark, at the punctuation of scripts that write no spaces, and at what is not seen but
// turns round what follows.
const CANDIDATE = /\bhttps?:\/\/[^\s<>"“”«»、。，．！？；：（）「」『』【】《》\p{Cc}\p{Cf}]+/giu;
const CLOSING = { ')': '(', ']': '[', '}': '{' };

/**
 * The parts of a text, in order and complete: texts, and links with where they go. Only `http:` and `https:` become links, and none
 * with a user's name in it: `http://bank.example@evil.example` looks like what it is not.
 *
 * @param {string} text
 * @returns {{ text: string, href?: string }[]}
 */
export function parts(text) {
  const found = [];
  let end = 0;
  for (const { 0: candidate, index } of text.matchAll(CANDIDATE)) {
    const link = withoutPunctuation(candidate);
    const href = target(link);
    if (!href) continue;
    if (index > end) found.push({ text: text.slice(end, index) });
    found.push({ text: link, href });
    end = index + link.length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

/** Without what ends the sentence and not the link: a closing bracket belongs to it where its opening one does. */
function withoutPunctuation(link) {
  let end = link.length;
  const balance = {};
  for (const character of link) balance[character] = (balance[character] ?? 0) + 1;
  for (; end > 0; end -= 1) {
    const last = link[end - 1];
    if (last in CLOSING) {
      if ((balance[CLOSING[last]] ?? 0) >= balance[last]) break;
    } else if (!/[.,;:!?'’…*_~|`]/.test(last)) {
      break;
    }
    balance[last] -= 1;
  }
  return link.slice(0, end);
}

function target(link) {
  try {
    const url = new URL(link);
    return /^https?:$/.test(url.protocol) && !url.username && !url.password ? url.href : null;
  } catch {
    return null;
  }
}
