import { isObject, type JsonObject } from './json.js';

/**
 * `stored`, the text of a JSON object, with `patch` merged into it (RFC 7396) and `integers` set. What the patch does
 * not name belongs to others and stays as they wrote it: a number keeps all its digits.
 */
export function mergeText(
  stored: string,
  patch: JsonObject,
  integers: Readonly<Record<string, bigint>> = {},
): string {
  const members = membersOf(stored);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) members.delete(name);
    else if (isObject(value)) members.set(name, mergeText(members.get(name) ?? '', value));
    else members.set(name, JSON.stringify(value));
  }
  for (const [name, value] of Object.entries(integers)) members.set(name, value.toString());
  let merged = '';
  for (const [name, text] of members) merged += `${merged === '' ? '{' : ','}${quoted(name)}:${text}`;
  return merged === '' ? '{}' : `${merged}}`;
}

/** The text of each member of a JSON object, none of anything else. The text must be JSON. */
export function membersOf(text: string): Map<string, string> {
  const members = new Map<string, string>();
  let at = afterBlanks(text, 0);
  if (text.charCodeAt(at) !== OPENING_BRACE) return members;
  at = afterBlanks(text, at + 1);
  while (text.charCodeAt(at) === QUOTE) {
    const nameEnd = endOfString(text, at);
    const name = unquoted(text.slice(at, nameEnd));
    // Behind the colon.
    const start = afterBlanks(text, afterBlanks(text, nameEnd) + 1);
    const end = endOfValue(text, start);
    members.set(name, text.slice(start, end));
    // Behind the comma, or the end.
    at = afterBlanks(text, afterBlanks(text, end) + 1);
  }
  return members;
}

/** Nearly every name is: then both ways are short. */
const PLAIN = /^\w*$/;

function quoted(name: string): string {
  return PLAIN.test(name) ? `"${name}"` : JSON.stringify(name);
}

function unquoted(text: string): string {
  return text.includes('\\') ? String(JSON.parse(text)) : text.slice(1, -1);
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPENING_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
/** All that count as blanks in JSON are up to here, and nothing else outside of its strings is. */
const SPACE = 0x20;

function afterBlanks(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) <= SPACE) at += 1;
  return at;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    at += code === BACKSLASH ? 2 : 1;
  }
  return at;
}

function endOfValue(text: string, start: number): number {
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
      if (depth === 0) return at;
      continue;
    }
    if (code === OPENING_BRACE || code === OPENING_BRACKET) depth += 1;
    else if (code === CLOSING_BRACE || code === CLOSING_BRACKET) {
      // Of what it is a member of.
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (code === COMMA || code <= SPACE)) return at;
    at += 1;
  }
  return at;
}
