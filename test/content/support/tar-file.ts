const BLOCK = 512;

export interface TarEntry {
  readonly name: string;
  readonly data?: string;
  /** `0` file, `1` hard link, `2` symbolic link, `5` folder; default a file. */
  readonly type?: string;
  readonly link?: string;
  readonly mode?: number;
  /** What its header claims, when that is not what follows. */
  readonly sizeBytes?: number;
  /** Records of a pax header before it, e.g. `SCHILY.xattr.user.note`. */
  readonly pax?: Readonly<Record<string, string>>;
}

/** A plain tar written by hand, so that it can hold what no decent program would write. */
export function tarFile(entries: readonly TarEntry[], trailingBlocks = 2): Buffer {
  const parts = entries.flatMap((entry) => [
    ...(entry.pax === undefined ? [] : member({ name: 'pax', type: 'x', data: paxRecords(entry.pax) })),
    ...member(entry),
  ]);
  return Buffer.concat([...parts, Buffer.alloc(BLOCK * trailingBlocks)]);
}

function member({ name, data = '', type = '0', link = '', mode = 0o644, sizeBytes }: TarEntry): Buffer[] {
  const body = Buffer.from(data);
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, length: number) =>
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset);
  header.write(name, 0, 100);
  octal(mode, 100, 8);
  octal(process.getuid?.() ?? 0, 108, 8);
  octal(process.getgid?.() ?? 0, 116, 8);
  octal(sizeBytes ?? body.length, 124, 12);
  octal(1_700_000_000, 136, 12);
  header.write(type, 156);
  header.write(link, 157, 100);
  header.write('ustar\x0000', 257);
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const padding = Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK);
  return [header, body, padding];
}

function paxRecords(records: Readonly<Record<string, string>>): string {
  return Object.entries(records)
    .map(([key, value]) => {
      const rest = ` ${key}=${value}\n`;
      const length = rest.length + String(rest.length).length;
      return `${String(length).length === String(rest.length).length ? length : length + 1}${rest}`;
    })
    .join('');
}
