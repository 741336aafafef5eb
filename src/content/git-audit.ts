import { dirname, join, normalize } from 'node:path';
import { StewardError } from '../errors/steward-error.js';
import type { Files } from '../gateways/files.js';
import { type GitSetting, runGit } from './git.js';
import { isAllowedKey } from './git-settings.js';
import { GIT_AUDITED_FILES_MAX, GIT_AUDITED_FOLDERS_MAX } from './initializers/bounds.js';
import type { InitializeContext } from './initializers/plan.js';

/**
 * Settings that take the commands out of the filters a repository's configuration names; their names are free, so
 * they have to be listed first. Fails with `git-failed` for a name that no setting can reach.
 */
export function withoutFilters(keys: readonly string[]): readonly GitSetting[] {
  const filters = new Set(keys.flatMap((key) => /^(filter\..*)\.[^.]*$/s.exec(key)?.[1] ?? []));
  return [...filters].flatMap((filter): GitSetting[] => {
    if (filter.includes('=')) throw new StewardError('git-failed', `git: ${filter} cannot be disabled`);
    return [
      [`${filter}.clean`, ''],
      [`${filter}.smudge`, ''],
      [`${filter}.process`, ''],
      [`${filter}.required`, 'false'],
    ];
  });
}

/**
 * Looks through the configuration of a working copy that came from elsewhere, and of its submodules, before git
 * works in it with credentials: settings that keep its filters from running. Fails with `git-failed` when it would
 * decide which commands run, which servers get to see credentials, or where files come from and go to.
 */
export async function auditCopy(
  location: string,
  context: InitializeContext,
): Promise<readonly GitSetting[]> {
  const { files } = context.world;
  const copy = join(context.folder, location);
  const gitFolder = join(copy, '.git');
  for (const borrowed of ['commondir', 'config.worktree', 'objects/info/alternates']) {
    if ((await files.stat(join(gitFolder, borrowed))) !== undefined) throw refused(`.git/${borrowed}`);
  }
  const keys: string[] = [];
  for (const config of [join(gitFolder, 'config'), ...(await submoduleConfigs(files, gitFolder))]) {
    if ((await files.stat(config))?.kind !== 'file')
      throw refused(`${shown(config, copy)}, which is no file`);
    for (const [key, value] of await entriesOf(config, location, context)) {
      const isMain = config === join(gitFolder, 'config');
      const isHarmful =
        isRefused(key, value) || (key === 'core.worktree' && leadsOut(config, value, copy, isMain));
      if (isHarmful) throw refused(`${JSON.stringify(key.slice(0, 100))} in ${shown(config, copy)}`);
      keys.push(key);
    }
  }
  return withoutFilters(keys);
}

/** Sections of which nothing is harmless beside what requests may set, and single keys. */
const REFUSED_SECTIONS =
  /^(http|url|credential|include|includeif|protocol|lfs|gpg|ssh|uploadpack|extensions)\./;
const REFUSED_KEYS =
  /^(remote\..*\.(proxy|proxyauthmethod|vcs|uploadpack|receivepack|promisor)|merge\..*\.driver)$/s;

function isRefused(key: string, value: string): boolean {
  if (/^submodule\..*\.update$/s.test(key)) return value.startsWith('!');
  if (key === 'extensions.objectformat' || isAllowedKey(key)) return false;
  if (isOfGitLfs(key, value)) return false;
  return REFUSED_SECTIONS.test(key) || REFUSED_KEYS.test(key);
}

/** What git-lfs itself writes into a repository it works in: no server, no program. */
function isOfGitLfs(key: string, value: string): boolean {
  if (key === 'lfs.repositoryformatversion') return value === '0';
  if (/^lfs\..*\.access$/s.test(key)) return value === 'basic' || value === 'none';
  return /^lfs\..*\.locksverify$/s.test(key);
}

/** A submodule's repository says where its files are: inside the working copy, and nothing else. */
function leadsOut(config: string, value: string, copy: string, isMain: boolean): boolean {
  if (isMain || value.startsWith('/')) return true;
  const target = normalize(join(dirname(config), value));
  return !target.startsWith(`${copy}/`) || target.startsWith(`${copy}/.git/`);
}

/** Repositories of submodules, and of theirs, as far as git puts them below `.git/modules`. */
async function submoduleConfigs(files: Files, gitFolder: string): Promise<readonly string[]> {
  const configs: string[] = [];
  const folders = [join(gitFolder, 'modules')];
  for (let next = 0; next < folders.length; next += 1) {
    const folder = folders[next] ?? '';
    if ((await files.stat(folder))?.kind !== 'directory') continue;
    for await (const { name, kind } of files.entries(folder)) {
      if (name === 'config') configs.push(join(folder, name));
      if (kind === 'symlink') throw refused(`a link in ${shown(folder, dirname(gitFolder))}`);
      if (kind === 'directory' && !INNER.has(name)) folders.push(join(folder, name));
      if (configs.length > GIT_AUDITED_FILES_MAX || folders.length > GIT_AUDITED_FOLDERS_MAX) {
        throw refused('more submodules than are looked through');
      }
    }
  }
  return configs;
}

/** Folders of a repository that hold no repositories. */
const INNER: ReadonlySet<string> = new Set(['objects', 'refs', 'logs', 'info', 'hooks', 'branches']);

async function entriesOf(
  config: string,
  location: string,
  context: InitializeContext,
): Promise<readonly (readonly [key: string, value: string])[]> {
  const { folder, signal, user, world } = context;
  const { code, output, isCut, complaint } = await runGit(world, {
    args: ['config', '--file', config, '--no-includes', '--list', '-z'],
    folder: join(folder, location),
    root: folder,
    user,
    signal,
  });
  if (code !== 0 || isCut) throw refused(`an unreadable configuration (${complaint})`);
  return output
    .split('\0')
    .filter((entry) => entry !== '')
    .map((entry) => {
      const [key = '', ...value] = entry.split('\n');
      return [key, value.join('\n')] as const;
    });
}

function shown(path: string, copy: string): string {
  return path.slice(copy.length + 1);
}

function refused(what: string): StewardError {
  return new StewardError('git-failed', `the restored working copy is not used because of ${what}`);
}
