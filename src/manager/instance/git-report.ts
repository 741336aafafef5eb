import type { GitReport } from '../../../machines/content-types.js';
import type { GitStatus } from '../../gen/content-service-api/initializer.js';

export function gitReportOf(status: GitStatus): GitReport {
  return {
    branch: status.branch,
    latestCommit: status.latestCommit,
    uncommittedFiles: status.uncommitedFiles,
    untrackedFiles: status.untrackedFiles,
    unpushedCommits: status.unpushedCommits,
    totalUncommittedFiles: Number(status.totalUncommitedFiles),
    totalUntrackedFiles: Number(status.totalUntrackedFiles),
    totalUnpushedCommits: Number(status.totalUnpushedCommits),
  };
}

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
