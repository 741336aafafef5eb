import { join } from 'node:path';
import type { GitReport } from '../../machines/content-types.js';
import { StewardError } from '../errors/steward-error.js';
import { withDeadline } from '../gateways/deadline.js';
import type { World } from '../gateways/world.js';
import { GIT_STATUS_DEADLINE_MS, GIT_STATUS_ENTRIES_MAX, GIT_STATUS_RECORD_BYTES } from './bounds.js';
import { isPlainFolder } from './checkout-location.js';
import { type GitSetting, streamGit } from './git.js';
import { withoutFilters } from './git-audit.js';
import { recordsOf } from './lines.js';
import type { ContentUser } from './user.js';

/**
 * State of the working copy at `location` below the content's root, read as the content's user; undefined when
 * there is none. The repository's own configuration may name any command: none of them is run.
 */
export async function readGitStatus(
  world: World,
  folder: string,
  location: string,
  user: ContentUser | undefined,
  signal: AbortSignal,
): Promise<GitReport | undefined> {
  if (!(await isPlainFolder(world.files, folder, location))) return undefined;
  const copy = join(folder, location);
  if ((await world.files.stat(join(copy, '.git'))) === undefined) return undefined;
  return withDeadline(world.clock, GIT_STATUS_DEADLINE_MS, 'the git status', signal, (bounded) =>
    read(new WorkingCopy(world, folder, copy, user, bounded)),
  );
}

async function read(copy: WorkingCopy): Promise<GitReport | undefined> {
  const settings = await neutralised(copy);
  const files = new StatusFiles();
  if (!(await copy.run(STATUS, settings, (record) => files.take(record)))) return undefined;
  const unpushed = new Listing();
  // Without a commit there is no branch to look at, and log would fail.
  if (files.commit !== '') await copy.run(UNPUSHED, settings, (record) => unpushed.add(record));
  return {
    branch: files.branch,
    latestCommit: files.commit,
    uncommittedFiles: files.uncommitted.lines(),
    untrackedFiles: files.untracked.lines(),
    unpushedCommits: unpushed.lines(),
    totalUncommittedFiles: files.uncommitted.total,
    totalUntrackedFiles: files.untracked.total,
    totalUnpushedCommits: unpushed.total,
  };
}

const STATUS = [
  'status',
  '--porcelain=v2',
  '--branch',
  '-z',
  '--untracked-files=all',
  '--find-renames',
  // Looking into submodules would run git there, under their configuration.
  '--ignore-submodules=dirty',
];
const UNPUSHED = [
  'log',
  '-z',
  '--no-show-signature',
  '--no-color',
  '--pretty=tformat:%h: %s',
  '--branches',
  '--not',
  '--remotes',
];

/** The filters the repository's configuration names, which are commands, made to do nothing. */
async function neutralised(copy: WorkingCopy): Promise<readonly GitSetting[]> {
  const keys: string[] = [];
  await copy.run(['config', '--list', '--name-only', '-z'], [], (key) => keys.push(key));
  return withoutFilters(keys);
}

class WorkingCopy {
  readonly #world: World;
  readonly #root: string;
  readonly #path: string;
  readonly #user: ContentUser | undefined;
  readonly #signal: AbortSignal;

  constructor(world: World, root: string, path: string, user: ContentUser | undefined, signal: AbortSignal) {
    this.#world = world;
    this.#root = root;
    this.#path = path;
    this.#user = user;
    this.#signal = signal;
  }

  /** False when this is no repository; fails with `git-failed` for anything else that goes wrong. */
  async run(
    args: readonly string[],
    settings: readonly GitSetting[],
    onRecord: (record: string) => void,
  ): Promise<boolean> {
    const outcome = await streamGit(
      this.#world,
      {
        args: ['--no-pager', `--git-dir=${join(this.#path, '.git')}`, `--work-tree=${this.#path}`, ...args],
        folder: this.#path,
        root: this.#root,
        user: this.#user,
        signal: this.#signal,
        settings,
        // No transport at all: a partial clone must not fetch what it lacks through commands it names.
        environment: { GIT_OPTIONAL_LOCKS: '0', GIT_ALLOW_PROTOCOL: '' },
      },
      async (stdout) => {
        for await (const record of recordsOf(stdout, 0, GIT_STATUS_RECORD_BYTES)) onRecord(record);
      },
    );
    if (outcome.code === 0) return true;
    if (/not a git repository/i.test(outcome.complaint)) return false;
    throw new StewardError('git-failed', `git ${args[0]}: ${outcome.complaint}`);
  }
}

/** A list cut to its bound, with a line that counts the rest. */
class Listing {
  #total = 0;
  readonly #entries: string[] = [];

  add(entry: string): void {
    this.#total += 1;
    if (this.#entries.length < GIT_STATUS_ENTRIES_MAX) this.#entries.push(entry);
  }

  get total(): number {
    return this.#total;
  }

  lines(): readonly string[] {
    const more = this.#total - this.#entries.length;
    return more === 0 ? [...this.#entries] : [...this.#entries, `... and ${more} more`];
  }
}

/** Records of `git status --porcelain=v2 -z` (git-status(1), "Porcelain Format Version 2"). */
class StatusFiles {
  branch = '';
  /** Empty without commits. */
  commit = '';
  readonly uncommitted = new Listing();
  readonly untracked = new Listing();
  #isOldName = false;

  take(record: string): void {
    if (this.#isOldName) {
      this.#isOldName = false;
      return;
    }
    switch (record[0]) {
      case '#':
        this.#takeHeader(record);
        break;
      case '1':
        this.uncommitted.add(afterFields(record, 8));
        break;
      case '2':
        // A rename: its former name follows as a record of its own.
        this.uncommitted.add(afterFields(record, 9));
        this.#isOldName = true;
        break;
      case 'u':
        this.uncommitted.add(afterFields(record, 10));
        break;
      case '?':
        this.untracked.add(afterFields(record, 1));
        break;
      default:
        break;
    }
  }

  #takeHeader(record: string): void {
    const [, name, value = ''] = /^# branch\.(oid|head) (.*)$/s.exec(record) ?? [];
    if (name === 'head') this.branch = value;
    if (name === 'oid') this.commit = value === '(initial)' ? '' : value;
  }
}

/** What follows the first `count` blank-separated fields; blanks in it are its own. */
function afterFields(record: string, count: number): string {
  let from = 0;
  for (let field = 0; field < count; field += 1) from = record.indexOf(' ', from) + 1;
  return record.slice(from);
}
