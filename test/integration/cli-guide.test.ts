import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GitServer, serve } from '../../scripts/demo/serve.js';
import { prepareSource } from '../../scripts/demo/source.js';
import { EXIT_MEANINGS } from '../../src/cli/exit-code.js';
import { RealSystem } from '../cli/support/real-system.js';

const guide = await readFile(join(import.meta.dirname, '..', '..', 'docs', 'guide.md'), 'utf8');
const blocks = [...guide.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
/** The guide clones from the internet; this test from loopback, where the repository has another name. */
const EXAMPLE_URL = 'https://github.com/octocat/Hello-World';
const EXAMPLE_FILE = 'Hello-World/README';
const EXAMPLE_FOLDER = 'Hello-World';

let system: RealSystem;
let server: GitServer;
beforeAll(async () => {
  system = await RealSystem.create();
  await prepareSource(join(system.folder, 'source'));
  server = await serve(join(system.folder, 'source'));
  expect(await system.up()).toHaveProperty('ready');
});
afterAll(async () => {
  server.close();
  await system.remove();
});

describe('the guide', () => {
  it('has commands to run', () => {
    expect(blocks.length).toBeGreaterThan(8);
  });

  it.each(blocks.map((block, index) => [index + 1, block]))('block %d works: %s', async (_index, block) => {
    const script = String(block)
      .replaceAll(EXAMPLE_URL, server.url)
      .replaceAll(EXAMPLE_FILE, 'steward/README.md')
      .replaceAll(EXAMPLE_FOLDER, 'steward');
    const { code, stderr } = await system.shell(script);
    expect(code, stderr).toBe(0);
  });

  it('explains every exit code as --help does', () => {
    for (const { code, meaning } of EXIT_MEANINGS) expect(guide).toContain(`| ${code} | ${meaning} |`);
  });
});
