import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const program = join(root, 'node_modules', '.bin', 'buf');
const image = join(root, 'proto', 'wire.binpb');

const buf = (cwd: string, ...args: string[]) => promisify(execFile)(program, args, { cwd });

test('the contracts are clean and break nobody who speaks the committed wire', async () => {
  await buf(root, 'lint');
  await buf(root, 'breaking', '--against', image);
}, 60_000);

test('a changed field number is noticed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'steward-wire-'));
  try {
    await cp(join(root, 'buf.yaml'), join(folder, 'buf.yaml'));
    await cp(join(root, 'proto'), join(folder, 'proto'), { recursive: true });
    const path = join(folder, 'proto', 'steward', 'v1', 'system.proto');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace('string version = 2;', 'string version = 22;'));
    await expect(buf(folder, 'breaking', '--against', image)).rejects.toThrow();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 60_000);
