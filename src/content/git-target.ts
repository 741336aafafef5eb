import { GIT_COMMIT_DEPTH } from './bounds.js';

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
export type RunInCopy = (
  args: readonly string[],
  accepts?: (code: number) => boolean,
) => Promise<{ readonly code: number; readonly output: string }>;

/** Moves a fresh clone to its target and returns what should be told. */
export async function checkOut(target: GitTarget, run: RunInCopy): Promise<readonly string[]> {
  switch (target.kind) {
    case 'remote-head':
      // An empty repository has no HEAD to go to, and needs none.
      if (await hasRemoteHead(run)) await run(['reset', '--hard', 'origin/HEAD']);
      return [];
    case 'remote-branch':
      return checkOutBranch(target.branch, run);
    case 'local-branch':
      await run(['checkout', '--no-track', '-B', target.branch, 'origin/HEAD']);
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
  await run(['fetch', ...depth, '--recurse-submodules=no', 'origin', refspec]);
  await run(['checkout', '--track', '-B', branch, `origin/${remote}`]);
  if (remote === branch) return [];
  return [`the remote has no branch ${branch}: it was made from the default branch ${remote}`];
}

async function checkOutCommit(hash: string, run: RunInCopy): Promise<void> {
  const isHere = (await run(['cat-file', '-e', `${hash}^{commit}`], () => true)).code === 0;
  const depth = (await isShallow(run)) ? [`--depth=${GIT_COMMIT_DEPTH}`] : [];
  if (!isHere) await run(['fetch', ...depth, '--recurse-submodules=no', 'origin', hash]);
  await run(['checkout', '--detach', hash]);
}

async function hasRemoteHead(run: RunInCopy): Promise<boolean> {
  return (await run(['rev-parse', '--verify', '--quiet', 'origin/HEAD'], () => true)).code === 0;
}

async function defaultBranch(run: RunInCopy): Promise<string> {
  const { output } = await run(['rev-parse', '--abbrev-ref', 'origin/HEAD']);
  return output.trim().replace(/^origin\//, '');
}

async function isShallow(run: RunInCopy): Promise<boolean> {
  return (await run(['rev-parse', '--is-shallow-repository'])).output.trim() !== 'false';
}
