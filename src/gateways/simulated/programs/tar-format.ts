import { z } from 'zod';

/** One member of a simulated archive: a line of JSON, and `sizeBytes` of data after it. */
const memberSchema = z.object({
  name: z.string(),
  kind: z.enum(['file', 'directory', 'symlink', 'end']),
  mode: z.int(),
  uid: z.int(),
  gid: z.int(),
  sizeBytes: z.int().nonnegative(),
  /** Where a symbolic link leads. */
  target: z.string(),
  modifiedMs: z.number(),
  /** Of a folder in an archive made with a listing: what it held, `D<name>` for a folder and `Y<name>` for others. */
  names: z.array(z.string()).optional(),
});

export type Member = Readonly<z.infer<typeof memberSchema>>;

/** First bytes of what a simulated tar writes through a compressor; what follows is not compressed. */
export const COMPRESSED_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

export const END: Member = {
  name: '',
  kind: 'end',
  mode: 0,
  uid: 0,
  gid: 0,
  sizeBytes: 0,
  target: '',
  modifiedMs: 0,
};

export function encodeMember(member: Member): string {
  return `${JSON.stringify(member)}\n`;
}

/** Takes an archive apart as it comes; fails when it ends before its end, or is none. */
export async function* readMembers(
  input: AsyncIterable<Buffer>,
): AsyncGenerator<{ readonly member: Member; readonly data: Buffer }> {
  const bytes = new Reader(input);
  if (!(await bytes.take(COMPRESSED_MAGIC.length)).equals(COMPRESSED_MAGIC)) {
    throw new Error('This does not look like a tar archive');
  }
  for (;;) {
    const parsed = memberSchema.safeParse(parseJson(await bytes.line()));
    if (!parsed.success) throw new Error('Skipping to next header');
    if (parsed.data.kind === 'end') return;
    yield { member: parsed.data, data: await bytes.take(parsed.data.sizeBytes) };
  }
}

class Reader {
  readonly #input: AsyncIterator<Buffer>;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(input: AsyncIterable<Buffer>) {
    this.#input = input[Symbol.asyncIterator]();
  }

  async take(count: number): Promise<Buffer> {
    while (this.#buffer.length < count) await this.#more();
    const taken = this.#buffer.subarray(0, count);
    this.#buffer = this.#buffer.subarray(count);
    return taken;
  }

  async line(): Promise<string> {
    while (!this.#buffer.includes('\n')) await this.#more();
    const line = await this.take(this.#buffer.indexOf('\n') + 1);
    return line.toString('utf8');
  }

  async #more(): Promise<void> {
    const next = await this.#input.next();
    if (next.done) throw new Error('Unexpected EOF in archive');
    this.#buffer = Buffer.concat([this.#buffer, next.value]);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
