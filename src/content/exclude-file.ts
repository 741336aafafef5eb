import { join } from 'node:path';
import { toStewardError } from '../errors/steward-error.js';
import type { World } from '../gateways/world.js';
import { EXCLUDE_FILE_BYTES_MAX } from './bounds.js';
import { type Exclude, readExcludes } from './exclude.js';
import { PROGRAM_ENVIRONMENT } from './program.js';

/** In the root of the content: what its owner wants left out of backups. */
export const EXCLUDE_FILE = '.stewardignore';

/**
 * The excludes of the configuration and those of the content itself. What is wrong with either is told and left
 * aside: a backup of too much is better than none. Fails with `backup-failed` when the disk does not tell.
 */
export async function excludesOf(
  world: World,
  folder: string,
  configured: readonly string[],
  signal: AbortSignal,
  onWarning: (text: string) => void,
): Promise<readonly Exclude[]> {
  const own = await readOwn(world, folder, signal);
  if ('problem' in own) onWarning(`${EXCLUDE_FILE} ${own.problem}; nothing of it is used`);
  const lines = 'lines' in own ? own.lines : [];
  const { excludes, problems } = readExcludes([...configured, ...lines]);
  for (const problem of problems) onWarning(`${EXCLUDE_FILE} or the configured excludes: ${problem}`);
  return excludes;
}

type Own = { readonly lines: readonly string[] } | { readonly problem: string };

/**
 * The file belongs to the inside, which may put a link or a pipe in its place while we look: `dd` follows no link,
 * waits for nobody, and can be ended.
 */
async function readOwn({ files, processes }: World, folder: string, signal: AbortSignal): Promise<Own> {
  const found = await files.stat(join(folder, EXCLUDE_FILE)).catch((error: unknown) => {
    throw toStewardError(error, 'backup-failed');
  });
  if (found === undefined) return { lines: [] };
  if (found.kind !== 'file') return { problem: 'is no file' };
  if (found.sizeBytes > EXCLUDE_FILE_BYTES_MAX) {
    return { problem: `is larger than ${EXCLUDE_FILE_BYTES_MAX} bytes` };
  }
  const dd = processes.start({
    program: 'dd',
    args: [
      `if=${EXCLUDE_FILE}`,
      'iflag=nofollow,nonblock,fullblock',
      `bs=${EXCLUDE_FILE_BYTES_MAX}`,
      'count=1',
      'status=none',
    ],
    env: PROGRAM_ENVIRONMENT,
    cwd: folder,
    signal,
  });
  dd.stderr.resume();
  const chunks: Buffer[] = [];
  for await (const chunk of dd.stdout) chunks.push(chunk);
  const exit = await dd.exit;
  signal.throwIfAborted();
  if (exit.kind !== 'code' || exit.code !== 0) return { problem: 'cannot be read' };
  return { lines: Buffer.concat(chunks).toString('utf8').split('\n') };
}
