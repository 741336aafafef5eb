import type { InstanceId, OwnerId, WorkspaceId } from '../../../../machines/ids.js';
import type { BackupRepository } from '../../../content/backups.js';
import { type BackupManifest, digestOf } from '../../../content/manifest.js';
import { StewardError } from '../../../errors/steward-error.js';
import { ArchiveKind, type Backup } from '../../../gen/steward/v1/backup.js';
import type { ContentStatus } from '../../../gen/steward/v1/content.js';
import type { ContentServiceService } from '../../../gen/steward/v1/content_service.js';
import type { Handlers } from '../../../grpc/service-types.js';
import {
  pageSize,
  requiredInstanceId,
  requiredOwnerId,
  requiredWorkspaceId,
} from '../../../grpc/validation.js';
import { HISTORY_SHOWN_MAX, PAGE_SHOWN_MAX } from '../../bounds.js';
import type { ContentCore } from '../../core.js';
import type { Absence } from '../../instances.js';
import { absentStatusOf, finishedStatusOf, statusOf } from '../content-status.js';
import { wireTransition } from './transition.js';
import { watchTransitions } from './watch-transitions.js';

export interface StewardContentOptions {
  readonly core: ContentCore;
  readonly node: string;
  /** Where the storage keeps an object, `<key>@<bucket>`. */
  readonly urlOf: (object: string) => string;
  readonly backupsOf: (owner: OwnerId, workspace: WorkspaceId) => BackupRepository;
}

/** `steward.v1.ContentService` as far as this version serves it; the rest is refused by name. */
export function stewardContentHandlers(options: StewardContentOptions): Handlers<ContentServiceService> {
  const { core, node } = options;
  return {
    getContent: async ({ instanceId }) => ({ content: contentOf(options, instanceId) }),
    listContent: async (request) => listContent(options, request),
    watchTransitions: (request, call) => watchTransitions(core, node, request, call),
    getHistory: async (request) => {
      const instance = requiredInstanceId(request.instanceId, 'instance_id');
      const limit = pageSize(request.limit, 'limit', HISTORY_SHOWN_MAX);
      const found = await core.publisher.history(instance, limit + 1);
      const transitions = found.slice(-limit).map((transition) => wireTransition(transition, node));
      return { transitions, truncated: found.length > limit };
    },
    listBackups: (request, call) => listBackups(options, request, call.signal),
    explain: () => notOffered('Explain'),
    verifyBackup: () => notOfferedStream('VerifyBackup'),
    restoreBackup: () => notOfferedStream('RestoreBackup'),
    deleteBackup: () => notOffered('DeleteBackup'),
    listSnapshots: () => notOffered('ListSnapshots'),
    deleteSnapshot: () => notOffered('DeleteSnapshot'),
    makeBackup: () => notOffered('MakeBackup'),
    deleteStoredContent: () => notOffered('DeleteStoredContent'),
    listDrills: () => notOffered('ListDrills'),
    recover: () => notOffered('Recover'),
  };
}

function contentOf(options: StewardContentOptions, instanceId: string): ContentStatus {
  const instance = requiredInstanceId(instanceId, 'instance_id');
  const status = presentStatus(options, instance, () => options.core.instances.absences());
  if (status !== undefined) return status;
  const finished = options.core.instances.finished(instance);
  if (finished !== undefined) return finishedStatusOf(finished, options.node);
  throw new StewardError('unknown-instance', `no instance ${instance} is known here`);
}

/** undefined for an instance that is finished, unknown, or so new that nothing is known of it yet. */
function presentStatus(
  { core, node }: StewardContentOptions,
  instance: InstanceId,
  absences: () => ReadonlyMap<string, Absence>,
): ContentStatus | undefined {
  const live = core.instances.find(instance);
  if (live !== undefined) return statusOf(live, node);
  const record = core.records.read(instance);
  return record === undefined ? undefined : absentStatusOf(record, node, absences().get(instance));
}

function listContent(
  options: StewardContentOptions,
  request: {
    readonly owner: string;
    readonly workspaceId: string;
    readonly pageSize: number;
    readonly pageToken: string;
  },
) {
  const wanted = [...options.core.instances.identities()]
    .filter(({ owner }) => request.owner === '' || owner === request.owner)
    .filter(({ workspace }) => request.workspaceId === '' || workspace === request.workspaceId)
    .map(({ instance }) => instance)
    .filter((instance) => instance > request.pageToken)
    .sort();
  const size = pageSize(request.pageSize, 'page_size', PAGE_SHOWN_MAX);
  const page = wanted.slice(0, size);
  const last = page.at(-1);
  let known: ReadonlyMap<string, Absence> | undefined;
  const absences = () => {
    known ??= options.core.instances.absences();
    return known;
  };
  return {
    contents: page
      .map((instance) => presentStatus(options, instance, absences))
      .filter((status) => status !== undefined),
    nextPageToken: wanted.length > size && last !== undefined ? last : '',
  };
}

async function listBackups(
  { backupsOf, urlOf }: StewardContentOptions,
  request: {
    readonly owner: string;
    readonly workspaceId: string;
    readonly pageSize: number;
    readonly pageToken: string;
  },
  signal: AbortSignal,
) {
  const owner = requiredOwnerId(request.owner, 'owner');
  const workspace = requiredWorkspaceId(request.workspaceId, 'workspace_id');
  const before = request.pageToken === '' ? Number.POSITIVE_INFINITY : Number(request.pageToken);
  if (Number.isNaN(before)) throw new StewardError('invalid-argument', 'page_token is not one of ours');
  const backups = backupsOf(owner, workspace);
  const entries = (await backups.list(signal)).filter(({ generation }) => generation < before).reverse();
  const size = pageSize(request.pageSize, 'page_size', PAGE_SHOWN_MAX);
  const shown: Backup[] = [];
  for (const { generation } of entries.slice(0, size)) {
    shown.push(wireBackup(await backups.read(generation, signal), urlOf));
  }
  const last = shown.at(-1);
  return {
    backups: shown,
    nextPageToken: entries.length > size && last !== undefined ? String(last.generation) : '',
  };
}

function wireBackup(manifest: BackupManifest, urlOf: (object: string) => string): Backup {
  const { sha256, sizeBytes } = digestOf(manifest);
  const newest = manifest.parts.at(-1);
  return {
    url: urlOf(newest?.archive ?? ''),
    owner: manifest.owner,
    workspaceId: manifest.workspace,
    instanceId: manifest.instance,
    generation: BigInt(manifest.generation),
    sha256,
    sizeBytes: BigInt(sizeBytes),
    createdMs: BigInt(manifest.createdAtMs),
    archives: manifest.parts.map((part) => ({
      name: part.archive,
      sha256: part.sha256,
      sizeBytes: BigInt(part.sizeBytes),
      kind: KINDS[part.kind],
    })),
    changed: undefined,
    entries: BigInt(manifest.tree?.entries ?? 0),
    contentBytes: BigInt(manifest.tree?.bytes ?? 0),
    tornFiles: BigInt(manifest.torn.count),
    kind: KINDS[newest?.kind ?? 'full'],
  };
}

const KINDS = {
  full: ArchiveKind.ARCHIVE_KIND_FULL,
  increment: ArchiveKind.ARCHIVE_KIND_INCREMENT,
} as const;

function notOffered(method: string): Promise<never> {
  return Promise.reject(refusal(method));
}

function notOfferedStream(method: string): AsyncIterable<never> {
  return { [Symbol.asyncIterator]: () => ({ next: () => notOffered(method) }) };
}

function refusal(method: string): StewardError {
  return new StewardError('not-implemented', `${method} is not offered by this version`);
}
