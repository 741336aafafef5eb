import { StewardError } from '../errors/steward-error.js';
import { GIT_COMMIT_DEPTH } from './bounds.js';
import type { GitOutcome } from './git.js';

/** What is checked out after a clone. */
export type GitTarget =
  /** Tip of the remote's default branch. */
  | { readonly kind: 'remote-head' }
  /** A local branch that follows the remote's of the same name. */
  | { readonly kind: 'remote-branch'; readonly branch: string }
  /** A new local branch from the remote's default, following nothing. */
  | { readonly kind: 'local-branch'; readonly branch: string }
  /** One commit, on no branch. */
  | { readonly kind: 'commit'; readonly hash: string };

/** Runs one git command in the new working copy; fails with `git-failed` unless `accepts` takes its code. */
export type RunInCopy = (args: readonly string[], accepts?: (code: number) => boolean) => Promise<GitOutcome>;

/**
 * Moves a working copy to its target and returns what should be told. That git says it went well is not enough:
 * fails with `git-failed` unless it is there.
 */
export async function checkOut(target: GitTarget, run: RunInCopy): Promise<readonly string[]> {
  switch (target.kind) {
    case 'remote-head': {
      // An empty repository has no HEAD to go to, and needs none.
      const tip = await commitOf('origin/HEAD', run);
      if (tip === undefined) return [];
      await run(['reset', '--hard', 'origin/HEAD']);
      await requireAt(run, { commit: tip });
      return [];
    }
    case 'remote-branch':
      return checkOutBranch(target.branch, run);
    case 'local-branch':
      await run(['checkout', '--progress', '--no-track', '-B', target.branch, 'origin/HEAD']);
      await requireAt(run, { branch: target.branch });
      return [];
    case 'commit':
      await checkOutCommit(target.hash, run);
      return [];
  }
}

/** A branch the remote does not have becomes a local one of that name from the default branch, and is told. */
async function checkOutBranch(branch: string, run: RunInCopy): Promise<readonly string[]> {
  const asked = await run(
    ['ls-remote', '--exit-code', '--heads', 'origin', `refs/heads/${branch}`],
    (code) => code === 0 || code === 2,
  );
  const remote = asked.code === 0 ? branch : await defaultBranch(run);
  const depth = (await isShallow(run)) ? ['--depth=1'] : [];
  const refspec = `+refs/heads/${remote}:refs/remotes/origin/${remote}`;
  await run(['fetch', '--progress', ...depth, '--recurse-submodules=no', 'origin', refspec]);
  const tip = await commitOf(`origin/${remote}`, run);
  await run(['checkout', '--progress', '--track', '-B', branch, `origin/${remote}`]);
  await requireAt(run, { branch, ...(tip === undefined ? {} : { commit: tip }) });
  if (remote === branch) return [];
  return [`the remote has no branch ${branch}: it was made from the default branch ${remote}`];
}

async function checkOutCommit(hash: string, run: RunInCopy): Promise<void> {
  const isHere = (await run(['cat-file', '-e', `${hash}^{commit}`], () => true)).code === 0;
  const depth = (await isShallow(run)) ? [`--depth=${GIT_COMMIT_DEPTH}`] : [];
  if (!isHere) await run(['fetch', '--progress', ...depth, '--recurse-submodules=no', 'origin', hash]);
  await run(['checkout', '--progress', '--detach', hash]);
  await requireAt(run, { commit: (await commitOf(hash, run)) ?? hash });
}

/** Brings the remote's default branch up to date: in a working copy that was not cloned just now. */
export async function fetchDefaultBranch(run: RunInCopy): Promise<void> {
  if ((await commitOf('origin/HEAD', run)) === undefined) return;
  const branch = await defaultBranch(run);
  const depth = (await isShallow(run)) ? ['--depth=1'] : [];
  const refspec = `+refs/heads/${branch}:refs/remotes/origin/${branch}`;
  await run(['fetch', '--progress', ...depth, '--recurse-submodules=no', 'origin', refspec]);
}

/** The commit a name stands for; undefined when there is none. */
export async function commitOf(name: string, run: RunInCopy): Promise<string | undefined> {
  const { code, output } = await run(['rev-parse', '--verify', '--quiet', `${name}^{commit}`], () => true);
  const commit = output.trim();
  return code === 0 && /^[0-9a-f]{7,64}$/.test(commit) ? commit : undefined;
}

/** Where the working copy is: at a commit (whole or its beginning) and, when named, on a branch. */
async function requireAt(
  run: RunInCopy,
  { branch, commit }: { readonly branch?: string; readonly commit?: string },
): Promise<void> {
  const here = await commitOf('HEAD', run);
  if (here === undefined || (commit !== undefined && !here.startsWith(commit.toLowerCase()))) {
    throw new StewardError('git-failed', `git checkout: ended well, and is not at ${commit ?? 'any commit'}`);
  }
  if (branch === undefined) return;
  const { output } = await run(['symbolic-ref', '--quiet', 'HEAD'], () => true);
  if (output.trim() === `refs/heads/${branch}`) return;
  throw new StewardError('git-failed', `git checkout: ended well, and is not on ${branch}`);
}

async function defaultBranch(run: RunInCopy): Promise<string> {
  const { output } = await run(['rev-parse', '--abbrev-ref', 'origin/HEAD']);
  return output.trim().replace(/^origin\//, '');
}

async function isShallow(run: RunInCopy): Promise<boolean> {
  return (await run(['rev-parse', '--is-shallow-repository'])).output.trim() !== 'false';
}
