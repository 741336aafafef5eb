import { StewardError } from '../errors/steward-error.js';
import type { Part } from './manifest.js';
import type { Survey } from './survey.js';
import type { ArchiveReport } from './tar-messages.js';

/** As `requireComplete`, without failing. */
export function isComplete(kind: Part['kind'], report: ArchiveReport, survey: Survey): boolean {
  const folders = report.entries - report.files;
  const files = survey.entries - survey.folders;
  return folders === survey.folders && (kind === 'increment' || report.files === files);
}

/**
 * Whether tar named as much as there was in content that nothing touched meanwhile: all folders, and in a full
 * archive all else, too. Somebody else counts than who archives, so that neither's mistake goes unseen. Fails with
 * `backup-failed`.
 */
export function requireComplete(kind: Part['kind'], report: ArchiveReport, survey: Survey): void {
  if (isComplete(kind, report, survey)) return;
  const folders = report.entries - report.files;
  const files = survey.entries - survey.folders;
  throw new StewardError(
    'backup-failed',
    `the content has ${survey.folders} folders and ${files} files, ` +
      `and the archive has ${folders} folders and ${report.files} files`,
  );
}
