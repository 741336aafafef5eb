import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.js';
import { say } from './say.js';

const root = join(import.meta.dirname, '..', '..');
const author = { GIT_AUTHOR_NAME: 'Demo', GIT_AUTHOR_EMAIL: 'demo@example.org' };
const committer = { GIT_COMMITTER_NAME: 'Demo', GIT_COMMITTER_EMAIL: 'demo@example.org' };
/** Nothing of the user's own configuration: a signing key or a template would get in the way. */
const quiet = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };

/**
 * A bare repository `<folder>/steward.git` to clone from: a copy of this repository's history (a shallow one, too),
 * or a small new one where there is no history, in an unpacked archive for instance.
 */
export async function prepareSource(folder: string): Promise<void> {
  const bare = join(folder, 'steward.git');
  await mkdir(folder, { recursive: true });
  try {
    await run('git', ['-C', root, 'rev-parse', '--verify', 'HEAD^{commit}'], { env: quiet });
    await run('git', ['clone', '--quiet', '--bare', `file://${root}`, bare], { env: quiet });
    say.good('a copy of this repository’s own history');
  } catch (error) {
    say.line(`This repository’s history cannot be read (${firstLine(error)}), so a small one is made.`);
    await makeRepository(join(folder, 'made'), bare);
  }
}

async function makeRepository(work: string, bare: string): Promise<void> {
  const env = { ...quiet, ...author, ...committer };
  await mkdir(join(work, 'src'), { recursive: true });
  await run('git', ['init', '--quiet', work], { env });
  for (const [name, text] of Object.entries({
    'README.md': '# A demo\n',
    'src/main.js': "console.log('hello');\n",
  })) {
    await writeFile(join(work, name), text);
    await run('git', ['-C', work, 'add', name], { env });
    await run('git', ['-C', work, 'commit', '--quiet', '-m', `Add ${name}`], { env });
  }
  await run('git', ['clone', '--quiet', '--bare', `file://${work}`, bare], { env });
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n')[0] ?? '';
}
