import type { GitReport, SetupResult } from '../../../machines/content-types.js';
import { GIT_REPORT_BYTES_MAX, MESSAGE_CHARACTERS_MAX, WARNINGS_MAX } from '../bounds.js';

/**
 * What effects answer with becomes part of a record, which has a limit: names, subjects and messages come from
 * workspaces and servers, and none of them may be so long that a record cannot be written any more.
 */
export function boundedText(text: string): string {
  return text.length <= MESSAGE_CHARACTERS_MAX ? text : `${text.slice(0, MESSAGE_CHARACTERS_MAX - 1)}…`;
}

export function boundedSetup(setup: SetupResult): SetupResult {
  return { ...setup, warnings: setup.warnings.slice(0, WARNINGS_MAX).map(boundedText) };
}

/** The totals stay true; of the lists, which share the room, the first entries stay. */
export function boundedReport(report: GitReport | undefined): GitReport | undefined {
  if (report === undefined) return undefined;
  const { others = [], ...main } = report;
  const room = GIT_REPORT_BYTES_MAX / (3 * (others.length + 1));
  return {
    ...boundedLists(main, room),
    ...(others.length === 0 ? {} : { others: others.map((other) => boundedLists(other, room)) }),
  };
}

function boundedLists<Report extends Omit<GitReport, 'others'>>(report: Report, room: number): Report {
  return {
    ...report,
    branch: boundedText(report.branch),
    uncommittedFiles: firstWithin(report.uncommittedFiles, room),
    untrackedFiles: firstWithin(report.untrackedFiles, room),
    unpushedCommits: firstWithin(report.unpushedCommits, room),
  };
}

/** As JSON, where a control character takes six bytes. */
function firstWithin(entries: readonly string[], roomBytes: number): readonly string[] {
  const kept: string[] = [];
  let left = roomBytes;
  for (const entry of entries.map(boundedText)) {
    left -= Buffer.byteLength(JSON.stringify(entry));
    if (left < 0) break;
    kept.push(entry);
  }
  return kept;
}
