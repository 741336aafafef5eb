import { execFile } from 'node:child_process';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GitServer, serve } from '../../scripts/demo/serve.js';
import { prepareSource } from '../../scripts/demo/source.js';
import { EXIT_MEANINGS } from '../../src/cli/exit-code.js';
import { RealSystem } from '../cli/support/real-system.js';

const root = join(import.meta.dirname, '..', '..');
const PAGES = [
  'guide',
  'questions/where-is-my-data',
  'questions/what-happens-when-it-crashes',
  'questions/why-is-it-stopping',
  'questions/how-do-i-talk-to-it',
];

interface Block {
  readonly language: string;
  readonly text: string;
}

const pages = await Promise.all(
  PAGES.map(async (name) => {
    const text = await readFile(join(root, 'docs', `${name}.md`), 'utf8');
    const blocks = [...text.matchAll(/^```(sh|shell|js)\n([\s\S]*?)^```$/gm)].map(
      ([, language = '', block = '']): Block => ({ language, text: block }),
    );
    const [, python] = /^```python\n([\s\S]*?)^```$/m.exec(text) ?? [];
    return { name, text, blocks, python };
  }),
);

/** The pages clone from the internet; this test from loopback, where the repositories have another name. */
const REPOSITORIES = /https:\/\/github\.com\/octocat\/[A-Za-z-]+/g;
const EXAMPLE_FILE = 'Hello-World/README';
const EXAMPLE_FOLDER = 'Hello-World';

/** Enough of curl for the pages, where there is none: the last word is the URL. */
const CURL = `#!${process.execPath}
const words = process.argv.slice(2);
const at = words.indexOf('--header');
const [, name, value] = /^([^:]+): *(.*)$/.exec(at < 0 ? '' : words[at + 1]) ?? [];
const headers = name === undefined ? {} : { [name]: value };
for (let tries = words.includes('--retry') ? 50 : 1; ; tries -= 1) {
  const answer = await fetch(words.at(-1), { headers }).catch((error) => ({ ok: false, error }));
  if (answer.ok) {
    console.log(await answer.text());
    break;
  }
  if (tries <= 1) process.exit(22);
  await new Promise((resolve) => setTimeout(resolve, 200));
}
`;

let system: RealSystem;
let server: GitServer;
beforeAll(async () => {
  system = await RealSystem.create();
  await writeFile(join(system.folder, 'bin', 'package.json'), '{"type":"module"}');
  await writeFile(join(system.folder, 'bin', 'curl'), CURL, { mode: 0o755 });
  await prepareSource(join(system.folder, 'source'));
  server = await serve(join(system.folder, 'source'));
});
afterAll(async () => {
  server.close();
  await system.remove();
});

describe.each(pages)('$name', ({ name, blocks }) => {
  it('has commands to run', () => {
    expect(blocks.length).toBeGreaterThan(name === 'guide' ? 15 : 0);
  });

  it.each(blocks.map((block, index) => [index + 1, block.text, block] as const))(
    'block %d works: %s',
    async (_index, _text, block) => {
      const { code, stderr } = await run(block);
      expect(code, stderr).toBe(0);
    },
  );
});

const python = process.env['STEWARD_TEST_PYTHON'] ?? 'python3';
const hasPython = await promisify(execFile)(python, ['-c', 'import grpc, grpc_tools']).then(
  () => true,
  () => false,
);
const NOT_RUN = `NOT RUN: ${python} has no grpcio and grpcio-tools (STEWARD_TEST_PYTHON names one that has)`;
if (!hasPython) console.warn(`The Python program of the pages was ${NOT_RUN}`);

describe.skipIf(!hasPython)(`the Python program${hasPython ? '' : `, ${NOT_RUN}`}`, () => {
  it('works as the page says', async () => {
    // By itself, without the pages before it, nothing runs yet.
    if (system.ready === undefined) expect(await system.up()).toHaveProperty('ready');
    const [page] = pages.filter((one) => one.python !== undefined);
    const [prepare] = page?.blocks.filter(({ text }) => text.includes('grpc_tools')) ?? [];
    const started = await system.steward('start', '--empty', '--wait', '--instance', 'python-1');
    expect(started.code, started.stderr).toBe(0);
    await symlink(join(root, 'proto'), join(system.folder, 'proto'));
    await writeFile(join(system.folder, 'program.py'), page?.python ?? '');
    const script = `python() { ${python} "$@"; }\n${prepare?.text}STEWARD_MANAGER=${managerAddress()} python program.py`;
    const { code, stdout, stderr } = await system.shell(script);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^python-1 RUNNING$/m);
  });
});

it('the guide explains every exit code as --help does', () => {
  const guide = pages[0]?.text;
  for (const { code, meaning } of EXIT_MEANINGS) expect(guide).toContain(`| ${code} | ${meaning} |`);
});

const DONE = { code: 0, stderr: '' };

async function run({ language, text }: Block): Promise<{ readonly code: number; readonly stderr: string }> {
  if (language === 'js') return runScript(text);
  if (language === 'sh') {
    const script = text
      .replaceAll(REPOSITORIES, server.url)
      .replaceAll(EXAMPLE_FILE, 'steward/README.md')
      .replaceAll(EXAMPLE_FOLDER, 'steward');
    return system.shell(script);
  }
  // What runs in a terminal of its own, or asks for one, is done as far as a test can.
  if (text.includes('grpc_tools')) return DONE;
  if (text.includes('kill -9')) expect(await system.down('SIGKILL')).toBeNull();
  if (text.includes('npm start')) expect(await system.up()).toHaveProperty('ready');
  const [, interactive] = /^steward exec -it (\S+)$/m.exec(text) ?? [];
  return interactive === undefined ? DONE : system.shell(`echo exit | steward exec -it ${interactive}`);
}

function managerAddress(): string {
  const [, manager = 'nobody'] = /"manager":"([^"]+)"/.exec(JSON.stringify(system.ready)) ?? [];
  return manager;
}

/** As a file of a project that has the protos and the packages would. */
async function runScript(text: string) {
  const env = { ...process.env, STEWARD_MANAGER: managerAddress() };
  const args = ['--input-type=module', '--eval', text];
  return promisify(execFile)(process.execPath, args, { cwd: root, env, timeout: 30_000 }).then(
    ({ stderr }) => ({ code: 0, stderr }),
    (error: Error) => ({ code: 1, stderr: error.message }),
  );
}
