import { StewardError } from '../../errors/steward-error.js';
import type { World } from '../../gateways/world.js';
import { PROGRAM_ENVIRONMENT } from '../program.js';
import { LAYER_COPY_DEADLINE_MS } from './bounds.js';
import { runTool } from './tool.js';

/** Whether files share their blocks with the ones they are copied from (`always` fails where they cannot). */
export type Sharing = 'always' | 'never';

/**
 * Copies a tree over an existing folder, itself included: owners, permissions, times, hard links, holes, xattrs
 * and ACLs (cp(1) of coreutils).
 */
export async function copyTree(
  world: World,
  from: string,
  to: string,
  sharing: Sharing,
  signal: AbortSignal,
): Promise<void> {
  const args = ['-a', '--preserve=xattr', `--reflink=${sharing}`, '--no-target-directory', '--', from, to];
  await runTool(world, 'cp', args, { signal, deadlineMs: LAYER_COPY_DEADLINE_MS });
}

/** Gives an existing folder all that another one has, except its entries. */
export async function copyFolderAlone(
  world: World,
  from: string,
  to: string,
  signal: AbortSignal,
): Promise<void> {
  const pack = world.processes.start({
    program: 'tar',
    args: ['--create', '--file=-', ...EXACT, '--no-recursion', `--directory=${from}`, '.'],
    env: PROGRAM_ENVIRONMENT,
    signal,
  });
  pack.stderr.resume();
  const args = ['--extract', '--file=-', ...EXACT, '--preserve-permissions', `--directory=${to}`];
  await runTool(world, 'tar', args, { signal, deadlineMs: LAYER_COPY_DEADLINE_MS, input: pack.stdout });
  const exit = await pack.exit;
  signal.throwIfAborted();
  if (exit.kind === 'code' && exit.code === 0) return;
  throw new StewardError('process-failed', 'the permissions of the content folder could not be read');
}

const EXACT = [
  '--format=pax',
  '--numeric-owner',
  '--xattrs',
  '--xattrs-include=*',
  '--xattrs-exclude=trusted.*',
  '--acls',
];
