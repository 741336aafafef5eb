import { join } from 'node:path';
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

/** Writes the marker: `{"source":…,"metrics":[{"type":…,"duration":<nanoseconds>,"size":<bytes>}]}`. */
export async function writeReadyMarker(
  files: Files,
  folder: string,
  user: ContentUser | undefined,
  report: ReadyReport,
): Promise<void> {
  const own = async (path: string) => {
    if (user !== undefined) await files.chown(path, user.uid, user.gid);
  };
  const markers = join(folder, MARKER_FOLDER);
  const found = await files.stat(markers);
  if (found === undefined) {
    await files.makeDirectory(markers, 0o755);
    await own(markers);
  } else if (found.kind !== 'directory') {
    // What belongs to the workspace is not followed: it may lead anywhere.
    throw new StewardError('wrong-state', `${MARKER_FOLDER} of the content is not a folder`);
  }
  const temporary = join(folder, READY_MARKER_TEMPORARY);
  await files.remove(temporary);
  await files.write(temporary, textOf(report), { mode: 0o644, exclusive: true, sync: true });
  await own(temporary);
  await files.rename(temporary, join(folder, READY_MARKER));
}

function textOf(report: ReadyReport): string {
  const metrics = report.metrics.map(({ type, durationMs, sizeBytes }) => ({
    type,
    duration: Math.round(durationMs * 1_000_000),
    size: sizeBytes,
  }));
  return JSON.stringify({ source: report.source, metrics: metrics.length === 0 ? null : metrics });
}
