import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { Generator } from './generator.js';
import { generators } from './generators.js';

const root = join(import.meta.dirname, '..', '..');
const check = process.argv.includes('--check');

const drift: string[] = [];
for (const generator of generators) drift.push(...(await run(generator)));
if (drift.length > 0) {
  console.error(
    `out of date, run \`npm run generate\` and commit:\n${drift.map((path) => `  ${path}`).join('\n')}`,
  );
  process.exit(1);
}

/** Writes what the generator makes, or with --check returns the paths whose committed content differs. */
async function run(generator: Generator): Promise<string[]> {
  const wanted = await generator.files();
  const differing: string[] = [];
  for (const [path, content] of wanted) {
    const found = await readFile(join(root, path), 'utf8').catch(() => undefined);
    if (found === content) continue;
    differing.push(path);
    if (check) continue;
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  for (const path of await strangers(generator, wanted)) {
    differing.push(path);
    if (!check) await rm(join(root, path));
  }
  if (!check && differing.length > 0) console.log(`${generator.name}: ${differing.length} files written`);
  return check ? differing : [];
}

/** Files in the folders a generator owns that it no longer makes. */
async function strangers(generator: Generator, wanted: ReadonlyMap<string, string>): Promise<string[]> {
  const found: string[] = [];
  for (const folder of generator.owns) {
    const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true }).catch(
      () => [],
    );
    for (const entry of entries) {
      const path = relative(root, join(entry.parentPath, entry.name));
      if (entry.isFile() && !wanted.has(path)) found.push(path);
    }
  }
  return found;
}
