import { run } from './run.js';

const BLOCK_BYTES = 512;
const PREFIX = 'SCHILY.xattr.';

/** Extended attributes of the files below `folder`/`below` as tar tells them, by path below `folder` (latin1). */
export async function xattrsIn(folder: string, below: string): Promise<ReadonlyMap<string, string>> {
  const flags = ['--format=pax', '--xattrs', '--xattrs-include=*', '--xattrs-exclude=trusted.*'];
  const archive = await run('tar', [...flags, `--exclude=${below}/sparse`, '-cf', '-', '-C', folder, below], {
    env: { LC_ALL: 'C' },
  });
  const found = new Map<string, string>();
  let pax = new Map<string, string>();
  for (let at = 0; at + BLOCK_BYTES <= archive.length; ) {
    const header = archive.subarray(at, at + BLOCK_BYTES);
    const size = Number.parseInt(text(header, 124, 12), 8) || 0;
    const type = String.fromCharCode(header[156] ?? 0);
    const body = archive.subarray(at + BLOCK_BYTES, at + BLOCK_BYTES + size);
    if (type === 'x') pax = paxRecords(body);
    else {
      const path = (pax.get('path') ?? pathIn(header)).replace(/\/$/, '');
      const attributes = [...pax]
        .filter(([key]) => key.startsWith(PREFIX))
        .sort(([a], [b]) => (a < b ? -1 : 1));
      if (attributes.length > 0) found.set(path, JSON.stringify(attributes));
      pax = new Map();
    }
    at += BLOCK_BYTES + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
  }
  return found;
}

function pathIn(header: Buffer): string {
  const prefix = text(header, 345, 155);
  const name = text(header, 0, 100);
  return prefix === '' ? name : `${prefix}/${name}`;
}

function text(block: Buffer, start: number, length: number): string {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.subarray(0, end < 0 ? length : end).toString('latin1');
}

/** `<length> <key>=<value>\n`, one after the other (pax(1)). */
function paxRecords(body: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < body.length; ) {
    const blank = body.indexOf(' ', at);
    const length = Number.parseInt(body.subarray(at, blank).toString('latin1'), 10);
    if (!(length > 0)) break;
    const record = body.subarray(blank + 1, at + length - 1);
    const equals = record.indexOf('=');
    records.set(
      record.subarray(0, equals).toString('latin1'),
      record.subarray(equals + 1).toString('latin1'),
    );
    at += length;
  }
  return records;
}
