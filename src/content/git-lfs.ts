import type { World } from '../gateways/world.js';
import type { GitSetting } from './git.js';
import type { RunInCopy } from './git-target.js';

/**
 * What `git lfs install --local` would write: the filters by their plain names, which win over anything a
 * repository puts in their place.
 */
const LFS_SETTINGS: readonly GitSetting[] = [
  ['filter.lfs.clean', 'git-lfs clean -- %f'],
  ['filter.lfs.smudge', 'git-lfs smudge -- %f'],
  ['filter.lfs.process', 'git-lfs filter-process'],
  ['filter.lfs.required', 'true'],
];

/** The filters of Git LFS where it is installed; undefined where it is not. */
export async function lfsSettings(world: World): Promise<readonly GitSetting[] | undefined> {
  return (await world.processes.find('git-lfs')) === undefined ? undefined : LFS_SETTINGS;
}

/** After a checkout: files of the working copy that Git LFS keeps, with the filters made part of it, or told. */
export async function settleLfs(run: RunInCopy, isInstalled: boolean): Promise<readonly string[]> {
  const { code, output } = await run(['ls-files', '-z', '--', ':(top,attr:filter=lfs)'], () => true);
  if (code !== 0 || output === '') return [];
  if (isInstalled) {
    for (const [key, value] of LFS_SETTINGS) await run(['config', key, value], () => true);
    return [];
  }
  const [first = ''] = output.split('\0');
  return [
    `git-lfs is not installed on this node: files kept by Git LFS, such as ${JSON.stringify(first)}, hold pointers instead of content`,
  ];
}
