import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { recordsOf } from '../../src/content/lines.js';
import { TarMessages } from '../../src/content/tar-messages.js';

test.each([1, 7, 1000])(
  'every kind of message is told apart in pieces of %i, with names as they are',
  (size) => {
    const messages = new TarMessages();
    const lines = [
      '"./"',
      '"./a"',
      'tar: "./a": file changed as we read it',
      'tar: "./sub/Gr\\303\\274\\303\\237e\\n\\"x\\\\": File shrank by 7 bytes; padding with zeros',
      'tar: "./gone": File removed before we read it',
      'tar: "./s\\: t": socket ignored',
      'Total bytes written: 10240 (10KiB, 30MiB/s)',
    ];
    const said = Buffer.from(lines.join('\n'));
    for (let at = 0; at < said.length; at += size) messages.takeChunk(said.subarray(at, at + size));
    messages.finish();
    expect(messages.report()).toEqual({
      entries: 2,
      files: 1,
      contentBytes: 10_240,
      renamed: { count: 0, names: [] },
      torn: { count: 1, names: ['sub/Grüße\n"x\\'] },
      changed: { count: 1, names: ['a'] },
      vanished: { count: 1, names: ['gone'] },
      sockets: { count: 1, names: ['s: t'] },
    });
    expect(messages.complaint()).toBe('');
  },
);

test('a file whose name looks like a message is an entry', () => {
  const messages = new TarMessages();
  messages.take('"./tar\\: \\"./x\\"\\: socket ignored"');
  expect(messages.report()).toMatchObject({ entries: 1, sockets: { count: 0 } });
});

test('unknown messages are kept as the complaint, the last ones only', () => {
  const messages = new TarMessages();
  for (let index = 0; index < 1000; index += 1)
    messages.take(`tar: "./f${index}": Cannot open: Permission denied`);
  expect(messages.complaint()).toContain('f999');
  expect(messages.complaint()).not.toContain('f1"');
});

const FAILURE = 'tar: Exiting with failure status due to previous errors';

test.each([
  { lines: ['tar: "./d": Cannot open: No such file or directory', FAILURE], isExcused: true },
  { lines: ['tar: "./d/e": Cannot stat: No such file or directory', FAILURE], isExcused: true },
  {
    lines: ['tar: "./d": Warning: Cannot file_has_acl_at: No such file or directory', FAILURE],
    isExcused: true,
  },
  { lines: ['tar: "./d": Cannot open: Not a directory', FAILURE], isExcused: true },
  { lines: ['tar: "./d": File removed before we read it'], isExcused: true },
  {
    lines: [
      'tar: "./d/e": Cannot stat: No such file or directory',
      'tar: "./d": Directory has been renamed',
      FAILURE,
    ],
    isExcused: true,
  },
  { lines: [FAILURE], isExcused: false },
  {
    lines: [
      'tar: "./d": Cannot open: No such file or directory',
      'tar: "./e": Cannot open: Permission denied',
    ],
    isExcused: false,
  },
  { lines: ['tar: "./": Cannot open: No such file or directory', FAILURE], isExcused: false },
  { lines: ['tar: ".": Cannot stat: No such file or directory', FAILURE], isExcused: false },
])('a failure is excused by what went, and by nothing else: $lines', ({ lines, isExcused }) => {
  const messages = new TarMessages();
  for (const line of lines) messages.take(line);
  expect(messages.missesOnlyVanished).toBe(isExcused);
});

test('names are listed up to a bound, and counted beyond it', () => {
  const messages = new TarMessages();
  for (let index = 0; index < 5000; index += 1)
    messages.take(`tar: "./f${index}": file changed as we read it`);
  const { changed } = messages.report();
  expect(changed.count).toBe(5000);
  expect(changed.names.length).toBeLessThanOrEqual(100);
});

test('records are put together over chunks, and cut when they are too long', async () => {
  const chunks = ['one\ntw', 'o\n', '', 'x'.repeat(50), 'y'.repeat(50), '\nlast'].map((text) =>
    Buffer.from(text),
  );
  const records: string[] = [];
  for await (const record of recordsOf(Readable.from(chunks), 0x0a, 60)) records.push(record);
  expect(records).toEqual(['one', 'two', 'x'.repeat(50) + 'y'.repeat(10), 'last']);
});
