/** Bytes; archives are made of such blocks. */
const TAR_BLOCK = 512;

/**
 * A pax archive (POSIX.1-2001) of one empty file with one extended attribute: Node cannot set attributes, and
 * GNU tar can.
 */
export function xattrArchive(file: string, attribute: string, value: string): Buffer {
  const record = Buffer.from(paxRecord(`SCHILY.xattr.${attribute}`, value));
  const padded = Buffer.alloc(Math.ceil(record.length / TAR_BLOCK) * TAR_BLOCK);
  record.copy(padded);
  return Buffer.concat([
    header(`PaxHeaders/${file}`, 'x', record.length),
    padded,
    header(file, '0', 0),
    Buffer.alloc(2 * TAR_BLOCK),
  ]);
}

/** `<length> <key>=<value>\n`, where the length counts its own digits too. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest) + 1;
  while (String(length).length + Buffer.byteLength(rest) !== length) length += 1;
  return `${length}${rest}`;
}

function header(name: string, type: string, size: number): Buffer {
  const block = Buffer.alloc(TAR_BLOCK);
  const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, '0')}\0`;
  block.write(name, 0, 100, 'utf8');
  block.write(octal(0o644, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(size, 12), 124);
  block.write(octal(0, 12), 136);
  block.write('        ', 148);
  block.write(type, 156);
  block.write('ustar\x0000', 257, 'latin1');
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}
