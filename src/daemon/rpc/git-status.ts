import type { GitReport } from '../../../machines/content-types.js';
import type { GitStatus } from '../../gen/content-service-api/initializer.js';

/** The wire's spelling of a git report. */
export function gitStatusOf(report: GitReport): GitStatus {
  return {
    branch: report.branch,
    latestCommit: report.latestCommit,
    uncommitedFiles: [...report.uncommittedFiles],
    untrackedFiles: [...report.untrackedFiles],
    unpushedCommits: [...report.unpushedCommits],
    totalUncommitedFiles: BigInt(report.totalUncommittedFiles),
    totalUntrackedFiles: BigInt(report.totalUntrackedFiles),
    totalUnpushedCommits: BigInt(report.totalUnpushedCommits),
  };
}
