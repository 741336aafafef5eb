import type { OwnerId, WorkspaceId } from '../../../../machines/ids.js';
import type { ArchivePlace } from '../../../content/archive-objects.js';
import { BackupRepository } from '../../../content/backups.js';
import type { WorkingArea } from '../../area.js';
import type { ContentCore } from '../../core.js';
import type { DiskGuard } from '../../disk-guard.js';
import type { VerifiedVersions } from './verified-versions.js';

/** What the handlers of `steward.v1.ContentService` work with. */
export interface StewardContentOptions {
  readonly core: ContentCore;
  readonly node: string;
  readonly place: ArchivePlace;
  readonly area: WorkingArea;
  /** Versions are unpacked for a look below this folder only. */
  readonly restoreFolder: string;
  /** What was tried as a proof, newest first, and when the next one is due. */
  readonly drills: DrillHistory;
  /** The disks of the node; the last one holds the content. */
  readonly room: Pick<DiskGuard, 'disks' | 'problem'>;
}

export interface DrillHistory {
  list(): readonly DrillRecord[];
  /** Milliseconds since the epoch; undefined when none is scheduled. */
  readonly nextAtMs: number | undefined;
}

export interface DrillRecord {
  readonly owner: OwnerId;
  readonly workspace: WorkspaceId;
  readonly generation: number;
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly outcome:
    | { readonly kind: 'proven'; readonly entries: number; readonly bytes: number }
    | { readonly kind: 'restored'; readonly why: string }
    | { readonly kind: 'failed'; readonly code: string; readonly why: string };
}

/** The same, and what these handlers remember between calls. */
export interface VersionsContext extends StewardContentOptions {
  readonly verified: VerifiedVersions;
}

export function backupsOf({ place }: StewardContentOptions, version: Of): BackupRepository {
  return new BackupRepository(place, version.owner, version.workspace);
}

export interface Of {
  readonly owner: OwnerId;
  readonly workspace: WorkspaceId;
}
