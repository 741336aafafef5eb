import { createHash } from 'node:crypto';

/**
 * A record file is a header line `steward-record <format> <schema> <digest>` and the body as JSON. The digest
 * covers the key, both versions and the body, so a flipped byte anywhere and a file under a wrong name show.
 */
const FORMAT = 1;
const HEADER = /^steward-record (\d{1,9}) (\d{1,9}) ([0-9a-f]{64})$/;

export type Opened =
  | { readonly kind: 'intact'; readonly schema: number; readonly body: unknown }
  | { readonly kind: 'damaged'; readonly reason: string };

export function seal(key: string, schema: number, body: unknown): string {
  const json = JSON.stringify(body);
  return `steward-record ${FORMAT} ${schema} ${digest(key, FORMAT, schema, json)}\n${json}\n`;
}

export function open(key: string, text: string): Opened {
  const end = text.indexOf('\n');
  const [, format, schema, expected] = HEADER.exec(text.slice(0, Math.max(end, 0))) ?? [];
  if (format === undefined || schema === undefined) return damaged('its header cannot be read');
  if (Number(format) > FORMAT) return damaged(`its format ${format} is newer than this program's ${FORMAT}`);
  if (!text.endsWith('\n')) return damaged('it was cut off');
  const json = text.slice(end + 1, -1);
  if (digest(key, Number(format), Number(schema), json) !== expected) {
    return damaged('its content does not match its digest');
  }
  return { kind: 'intact', schema: Number(schema), body: JSON.parse(json) };
}

function damaged(reason: string): Opened {
  return { kind: 'damaged', reason };
}

function digest(key: string, format: number, schema: number, json: string): string {
  return createHash('sha256').update(`${key}\n${format} ${schema}\n${json}`).digest('hex');
}
