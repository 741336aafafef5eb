import { toStewardError } from '../errors/steward-error.js';
import { withDeadline } from '../gateways/deadline.js';
import type { World } from '../gateways/world.js';
import { GIT_LFS_ATTEMPTS_MAX, GIT_LFS_DEADLINE_MS } from './bounds.js';
import type { GitSetting } from './git.js';
import type { GitCredentials } from './git-credentials.js';
import { type CopyPlace, runnerIn } from './git-run.js';
import type { RunInCopy } from './git-target.js';
import type { GitUrl } from './git-url.js';
import type { InitializeContext } from './initializers/plan.js';

/** What `git lfs install --local` writes, for those who work in the copy. */
const FILTERS: readonly GitSetting[] = [
  ['filter.lfs.clean', 'git-lfs clean -- %f'],
  ['filter.lfs.smudge', 'git-lfs smudge -- %f'],
  ['filter.lfs.process', 'git-lfs filter-process'],
  ['filter.lfs.required', 'true'],
];

/**
 * The same while a copy is made: a checkout downloads nothing, it takes what is there and leaves pointers for the
 * rest, also when git-lfs cannot work in it (a `.lfsconfig` can bring that about). They win over any filter that a
 * repository puts in their place.
 */
const SKIPPING_FILTERS: readonly GitSetting[] = [
  ['filter.lfs.clean', 'git-lfs clean -- %f'],
  ['filter.lfs.smudge', 'git-lfs smudge --skip -- %f'],
  ['filter.lfs.process', 'git-lfs filter-process --skip'],
  ['filter.lfs.required', 'false'],
];

/** The filters of Git LFS for making a copy, where it is installed; undefined where it is not. */
export async function lfsSettings(world: World): Promise<readonly GitSetting[] | undefined> {
  return (await world.processes.find('git-lfs')) === undefined ? undefined : SKIPPING_FILTERS;
}

/**
 * After a checkout: fetches the files of the working copy that Git LFS keeps, and makes the filters part of it. They
 * are allowed to fail, as submodules are: what could not be fetched stays a pointer and is told. Fails with
 * `quota-exceeded` and `disk-full`, which are no matter of these files alone.
 */
export async function fetchLfs(
  place: CopyPlace,
  credentials: GitCredentials | undefined,
  context: InitializeContext,
): Promise<readonly string[]> {
  const first = await firstKept(runnerIn(place, credentials, context));
  if (first === undefined) return [];
  const settings = await lfsSettings(context.world);
  if (settings === undefined) {
    return [`git-lfs is not installed on this node: ${pointers(first)}`];
  }
  const run = runnerIn(place, credentials, context);
  for (const [key, value] of FILTERS) await run(['config', key, value], () => true);
  const access = credentials === undefined ? [] : basicAccess(place.source);
  const closed = [...(place.settings ?? []), ...settings, ...serverSettings(place.source), ...access];
  try {
    const { clock } = context.world;
    await withDeadline(clock, GIT_LFS_DEADLINE_MS, 'fetching Git LFS', context.signal, (signal) =>
      runnerIn({ ...place, settings: closed }, credentials, { ...context, signal })([
        'lfs',
        'pull',
        'origin',
      ]),
    );
    return [];
  } catch (error) {
    context.signal.throwIfAborted();
    const { code, message } = toStewardError(error);
    if (code === 'quota-exceeded' || code === 'disk-full') throw error;
    return [`${pointers(first)}: ${message}`];
  }
}

async function firstKept(run: RunInCopy): Promise<string | undefined> {
  const { code, output } = await run(['ls-files', '-z', '--', ':(top,attr:filter=lfs)'], () => true);
  return code !== 0 || output === '' ? undefined : output.split('\0')[0];
}

function pointers(first: string): string {
  return `files kept by Git LFS, such as ${JSON.stringify(first)}, hold pointers instead of content`;
}

/**
 * The server that belongs to the clone URL, and no other: a repository's `.lfsconfig` may name one (`lfs.url`,
 * `remote.*.lfsurl`), and a path of this machine as well. Everything else in it that could run or lead anywhere
 * git-lfs ignores by itself (git-lfs-config(5), "LFSCONFIG"); what it may say is settled here.
 */
function serverSettings(source: GitUrl): readonly GitSetting[] {
  return [
    ['lfs.url', lfsUrl(source)],
    ['lfs.gitprotocol', 'https'],
    ['lfs.skipdownloaderrors', 'false'],
    ['lfs.basictransfersonly', 'true'],
    ['lfs.transfer.maxretries', String(GIT_LFS_ATTEMPTS_MAX)],
    ['lfs.forceprogress', 'true'],
  ];
}

/** Said beforehand, because git-lfs would find it out and write it into the copy's configuration. */
function basicAccess(source: GitUrl): readonly GitSetting[] {
  const key = `lfs.${lfsUrl(source)}.access`;
  return key.includes('=') ? [] : [[key, 'basic']];
}

/** As git-lfs makes it of a clone URL (its docs/api/server-discovery.md); of ssh and git URLs it asks itself. */
function lfsUrl({ text, origin }: GitUrl): string {
  if (origin === undefined) return text;
  const repository = text.replace(/\/+$/, '');
  return `${repository.endsWith('.git') ? repository : `${repository}.git`}/info/lfs`;
}
