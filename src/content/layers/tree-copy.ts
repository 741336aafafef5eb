import { join } from 'node:path';
import { StewardError } from '../../errors/steward-error.js';
import type { World } from '../../gateways/world.js';
import { PROGRAM_ENVIRONMENT } from '../program.js';
import { LAYER_COPY_DEADLINE_MS, REFLINK_WORKERS } from './bounds.js';
import { runTool } from './tool.js';
import { sharesOf } from './tree-shares.js';

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

/**
 * The same with shared blocks and by several processes at once, for a tree in which no file has several names. One
 * process alone takes more than half of the time that copying the bytes would.
 */
export async function reflinkTree(
  world: World,
  from: string,
  to: string,
  signal: AbortSignal,
): Promise<void> {
  const shares = await sharesOf(world.files, from, REFLINK_WORKERS);
  if (shares === undefined) return copyTree(world, from, to, 'always', signal);
  for (const folder of shares.folders) await world.files.makeDirectory(join(to, folder), 0o700);
  const failing = new AbortController();
  const either = AbortSignal.any([signal, failing.signal]);
  const works = shares.workers.map(async (share) => {
    for (const { folder, names } of share) {
      const paths = names.map((name) => join(from, folder, name));
      const args = [...REFLINK, `--target-directory=${join(to, folder)}`, '--', ...paths];
      await runTool(world, 'cp', args, { signal: either, deadlineMs: LAYER_COPY_DEADLINE_MS });
    }
  });
  // One that fails ends the others, and nobody goes on before all have ended.
  for (const work of works) work.catch((error: unknown) => failing.abort(error));
  await Promise.allSettled(works);
  await Promise.all(works);
  for (const folder of shares.folders.toReversed()) {
    await copyFolderAlone(world, join(from, folder), join(to, folder), signal);
  }
}

const REFLINK = ['-a', '--preserve=xattr', '--reflink=always'];

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
