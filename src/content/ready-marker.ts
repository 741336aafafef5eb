import { basename } from 'node:path';
import type { ContentSource, StepMetric } from '../../machines/content-types.js';
import { StewardError } from '../errors/steward-error.js';
import type { Files } from '../gateways/files.js';
import type { ContentUser } from './user.js';

const MARKER_FOLDER = '.gitpod';

/** Tells the inside that the content is complete; below the content's root. Never part of an archive. */
export const READY_MARKER = `${MARKER_FOLDER}/ready`;
/** The marker while it is written: watchers rely on the rename. */
export const READY_MARKER_TEMPORARY = `${MARKER_FOLDER}/ready.tmp`;

export interface ReadyReport {
  readonly source: ContentSource;
  readonly metrics: readonly StepMetric[];
}

/**
 * Writes the marker: `{"source":…,"metrics":[{"type":…,"duration":<nanoseconds>,"size":<bytes>}]}`. The inside may
 * put anything in the way meanwhile: fails with `wrong-state` then, and writes nothing elsewhere.
 */
export async function writeReadyMarker(
  files: Files,
  folder: string,
  user: ContentUser | undefined,
  report: ReadyReport,
): Promise<void> {
  try {
    await files.writeBeneath(folder, READY_MARKER, textOf(report), {
      mode: 0o644,
      folderMode: 0o755,
      owner: user,
      temporary: basename(READY_MARKER_TEMPORARY),
    });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ENOTDIR' && code !== 'ELOOP' && code !== 'EISDIR') throw error;
    throw new StewardError('wrong-state', `${MARKER_FOLDER} of the content is not a folder`, {
      cause: error,
    });
  }
}

function textOf(report: ReadyReport): string {
  const metrics = report.metrics.map(({ type, durationMs, sizeBytes }) => ({
    type,
    duration: Math.round(durationMs * 1_000_000),
    size: sizeBytes,
  }));
  return JSON.stringify({ source: report.source, metrics: metrics.length === 0 ? null : metrics });
}
