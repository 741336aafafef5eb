import { InvalidArgumentError } from 'commander';
import { StewardError } from '../errors/steward-error.js';
import type { Backup } from '../gen/steward/v1/backup.js';
import { ContentServiceService } from '../gen/steward/v1/content_service.js';
import { WorkspaceManagerService } from '../gen/ws-manager-api/core.js';
import type { Channel } from '../grpc/channel.js';
import { createClient } from '../grpc/client.js';
import { idArgument } from './arguments.js';
import { VERSION_PAGE_ENTRIES } from './bounds.js';
import { ownName } from './own-name.js';
import type { Session } from './session.js';

/** `WORKSPACE` or `INSTANCE`, and after an `@` which version of its content. */
export interface NamedVersion {
  readonly name: string;
  /** undefined for the newest. */
  readonly generation: bigint | undefined;
}

export function versionArgument(text: string): NamedVersion {
  const [name = '', number, ...more] = text.split('@');
  const generation = number === undefined || number === 'newest' ? undefined : number;
  const isNumber = generation === undefined || /^[1-9]\d{0,15}$/.test(generation);
  if (more.length > 0 || !isNumber) {
    throw new InvalidArgumentError(
      'Write WORKSPACE, or WORKSPACE@VERSION with a number of `steward backups`.',
    );
  }
  return {
    name: idArgument(name),
    generation: generation === undefined ? undefined : BigInt(generation),
  };
}

/** Whose content, on the wire. */
export interface StoredWorkspace {
  readonly owner: string;
  readonly workspaceId: string;
}

/**
 * The workspace that goes by this name, or whose instance does. Without --owner one that is known now tells whose
 * it is; else it is taken for the caller's own.
 */
export async function workspaceNamed(
  session: Session,
  manager: Channel,
  name: string,
  owner: string | undefined,
): Promise<StoredWorkspace> {
  if (owner !== undefined) return { owner, workspaceId: name };
  const content = createClient(ContentServiceService, manager);
  const page = { owner: '', workspaceId: name, pageSize: 1, pageToken: '' };
  const [living] = (await content.listContent(page, session.call)).contents;
  if (living !== undefined) return living;
  const instance = await known(content.getContent({ instanceId: name }, session.call));
  if (instance?.content !== undefined) return instance.content;
  const workspaces = createClient(WorkspaceManagerService, manager);
  const mustMatch = { owner: '', metaId: name, annotations: {} };
  const { status } = await workspaces.getWorkspaces({ mustMatch }, session.call);
  const [stopped] = status;
  return { owner: stopped?.metadata?.owner || ownName(session.cli), workspaceId: name };
}

/** All versions, newest first; at most `limit`. */
export async function versionsOf(
  session: Session,
  manager: Channel,
  of: StoredWorkspace,
  limit: number = Number.POSITIVE_INFINITY,
): Promise<readonly Backup[]> {
  const client = createClient(ContentServiceService, manager);
  const found: Backup[] = [];
  const wanted = { owner: of.owner, workspaceId: of.workspaceId };
  for (let pageToken = ''; ; ) {
    const pageSize = Math.min(limit - found.length, VERSION_PAGE_ENTRIES);
    const page = await client.listBackups({ ...wanted, pageSize, pageToken }, session.longCall);
    found.push(...page.backups);
    if (page.nextPageToken === '' || found.length >= limit) return found;
    pageToken = page.nextPageToken;
  }
}

/** The version of that number, or the newest. */
export async function versionNamed(
  session: Session,
  manager: Channel,
  of: StoredWorkspace,
  generation: bigint | undefined,
): Promise<Backup> {
  const versions = await versionsOf(session, manager, of, generation === undefined ? 1 : undefined);
  const found = versions.find((version) => generation === undefined || version.generation === generation);
  if (found !== undefined) return found;
  const which = generation === undefined ? 'no version' : `no version ${generation}`;
  throw new StewardError(
    'backup-not-found',
    `there is ${which} of ${of.workspaceId}, owner ${of.owner}; --owner names another one`,
  );
}

async function known<Answer>(call: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof StewardError && error.code === 'unknown-instance') return undefined;
    throw error;
  }
}
