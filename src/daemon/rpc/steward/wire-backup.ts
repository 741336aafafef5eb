import type { BackupEntry } from '../../../content/backup-objects.js';
import { type BackupManifest, digestOf } from '../../../content/manifest.js';
import { ArchiveKind, type Backup } from '../../../gen/steward/v1/backup.js';
import { backupsOf, type Of, type VersionsContext } from './options.js';

/** A version as the wire shows it. */
export function wireBackup(context: VersionsContext, of: Of, manifest: BackupManifest): Backup {
  const { sha256, sizeBytes } = digestOf(manifest);
  const { change, tree, parts } = manifest;
  const found = context.verified.of(of, manifest.generation);
  // What is committed was read back; what shares the archives of an older version was not read again.
  const verified = found ?? (manifest.promotedFrom === undefined ? manifest.createdAtMs : undefined);
  return {
    url: backupsOf(context, of).urlOf(manifest.generation),
    owner: manifest.owner,
    workspaceId: manifest.workspace,
    instanceId: manifest.instance,
    generation: BigInt(manifest.generation),
    sha256,
    sizeBytes: BigInt(sizeBytes),
    createdMs: BigInt(manifest.createdAtMs),
    verifiedMs: verified === undefined ? undefined : BigInt(verified),
    archives: parts.map((part) => ({
      name: part.archive,
      sha256: part.sha256,
      sizeBytes: BigInt(part.sizeBytes),
      kind: KINDS[part.kind],
    })),
    changed:
      change === undefined
        ? undefined
        : {
            writtenFiles: BigInt(change.writtenFiles),
            entriesDelta: BigInt(change.entriesDelta),
            storedBytes: BigInt(change.storedBytes),
          },
    entries: BigInt(tree?.entries ?? 0),
    contentBytes: BigInt(tree?.bytes ?? 0),
    tornFiles: BigInt(manifest.torn.count),
    kind: KINDS[parts.at(-1)?.kind ?? 'full'],
    promotedFrom: manifest.promotedFrom === undefined ? undefined : BigInt(manifest.promotedFrom),
    unusable: '',
  };
}

/** A version whose manifest cannot be used: it is there, and it is shown why nothing more is known. */
export function unusableBackup(context: VersionsContext, of: Of, entry: BackupEntry, why: string): Backup {
  return {
    url: backupsOf(context, of).urlOf(entry.generation),
    owner: of.owner,
    workspaceId: of.workspace,
    instanceId: '',
    generation: BigInt(entry.generation),
    sha256: '',
    sizeBytes: 0n,
    createdMs: BigInt(Math.round(entry.committedAtMs)),
    archives: [],
    changed: undefined,
    entries: 0n,
    contentBytes: 0n,
    tornFiles: 0n,
    kind: ArchiveKind.ARCHIVE_KIND_UNSPECIFIED,
    unusable: why,
  };
}

const KINDS = {
  full: ArchiveKind.ARCHIVE_KIND_FULL,
  increment: ArchiveKind.ARCHIVE_KIND_INCREMENT,
} as const;
