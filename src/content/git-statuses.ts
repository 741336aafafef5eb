import type { CheckoutReport, GitReport } from '../../machines/content-types.js';
import { toStewardError } from '../errors/steward-error.js';
import { withDeadline } from '../gateways/deadline.js';
import type { World } from '../gateways/world.js';
import { GIT_STATUS_DEADLINE_MS } from './bounds.js';
import { readGitStatus } from './git-status.js';
import type { ContentUser } from './user.js';

export interface GitStatuses {
  /** Of the first working copy, with the others in it; undefined when the first one is none. */
  readonly report: GitReport | undefined;
  /** What could not be read, in words. */
  readonly problems: readonly string[];
}

/**
 * The state of every working copy of a workspace, the main one first. One that cannot be read leaves the others
 * as they are; all of them share one deadline.
 */
export async function readGitStatuses(
  world: World,
  folder: string,
  locations: readonly string[],
  user: ContentUser | undefined,
  signal: AbortSignal,
): Promise<GitStatuses> {
  const reports: (CheckoutReport | undefined)[] = [];
  const problems: string[] = [];
  const read = async (bounded: AbortSignal) => {
    for (const location of locations) {
      try {
        const report = await readGitStatus(world, folder, location, user, bounded);
        reports.push(report === undefined ? undefined : { ...report, location });
      } catch (error) {
        signal.throwIfAborted();
        reports.push(undefined);
        problems.push(`${location === '' ? 'the root' : location}: ${toStewardError(error).message}`);
      }
    }
  };
  await withDeadline(world.clock, GIT_STATUS_DEADLINE_MS, 'the git status', signal, read);
  const [main, ...rest] = reports;
  const others = rest.filter((report) => report !== undefined);
  if (main === undefined) return { report: undefined, problems };
  const { location: _, ...report } = main;
  return { report: { ...report, ...(others.length === 0 ? {} : { others }) }, problems };
}
