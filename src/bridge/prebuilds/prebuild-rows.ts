import type { Knex } from 'knex';
import { parseJson } from '../../config/parse-json.js';
import { databaseNow } from '../../database/database-now.js';
import type { PrebuildState } from '../channels.js';
import { isObject } from '../pipeline/json.js';
import { CUT_ERROR_MAX, ERROR_MAX, VERSION_MAX } from './bounds.js';

/** What the bridge needs of a prebuild's row, and of the row that tells whose it is. */
export interface StoredPrebuild {
  readonly id: string;
  readonly workspace: string;
  readonly state: PrebuildState;
  readonly statusVersion: bigint;
  /** undefined when nobody is told about this prebuild: its info row is missing or incomplete. */
  readonly audience: { readonly project: string; readonly organization: string | undefined } | undefined;
}

export interface PrebuildChange {
  readonly id: string;
  readonly state: PrebuildState;
  /** undefined leaves the columns as they are. */
  readonly statusVersion: bigint | undefined;
  readonly error: string | undefined;
  readonly snapshot: string | undefined;
}

const TABLE = 'd_b_prebuilt_workspace';
const STATES = ['queued', 'building', 'available', 'timeout', 'aborted', 'failed'] as const;

/** The prebuilds that `workspaces` build, keyed by workspace: of several of one workspace, the oldest. Locked until the end of the transaction. */
export async function readPrebuilds(
  transaction: Knex.Transaction,
  workspaces: readonly string[],
): Promise<ReadonlyMap<string, StoredPrebuild>> {
  if (workspaces.length === 0) return new Map();
  const rows: RawPrebuild[] = await transaction(`${TABLE} as p`)
    .join('d_b_workspace as w', 'w.id', 'p.buildWorkspaceId')
    .leftJoin('d_b_prebuild_info as i', (join) =>
      join.on('i.prebuildId', 'p.id').andOnVal('i.deleted', '=', 0),
    )
    .whereIn('p.buildWorkspaceId', [...workspaces])
    .where({ 'w.contentDeletedTime': '', 'p.deleted': 0 })
    .orderBy([{ column: 'p.creationTime', order: 'desc' }, 'p.id'])
    .forUpdate('p')
    .select('p.id', 'p.buildWorkspaceId', 'p.state', 'p.statusVersion', 'i.info');
  return new Map(rows.map((row) => [row.buildWorkspaceId, storedPrebuild(row)]));
}

export async function writePrebuild(transaction: Knex.Transaction, change: PrebuildChange): Promise<void> {
  const { id, state, statusVersion, error, snapshot } = change;
  await transaction(TABLE)
    .where({ id })
    .update({
      state,
      ...(statusVersion === undefined ? {} : { statusVersion: String(bounded(statusVersion)) }),
      ...(error === undefined ? {} : { error: cut(error) }),
      ...(snapshot === undefined ? {} : { snapshot }),
      _lastModified: databaseNow(transaction),
    });
}

/** The version as the column keeps it. */
export function bounded(version: bigint): bigint {
  return version > VERSION_MAX ? VERSION_MAX : version;
}

interface RawPrebuild {
  readonly id: string;
  readonly buildWorkspaceId: string;
  readonly state: string;
  readonly statusVersion: string | number | null;
  readonly info: string | null;
}

function storedPrebuild(row: RawPrebuild): StoredPrebuild {
  return {
    id: row.id,
    workspace: row.buildWorkspaceId,
    // What somebody else wrote there is no end that we know, so it may still become one.
    state: STATES.find((state) => state === row.state) ?? 'queued',
    statusVersion: /^\d+$/.test(String(row.statusVersion)) ? BigInt(String(row.statusVersion)) : 0n,
    audience: audienceOf(row.info),
  };
}

function audienceOf(info: string | null): StoredPrebuild['audience'] {
  const value = info === null ? undefined : parseJson(info);
  if (!isObject(value)) return undefined;
  const complete = ['id', 'buildWorkspaceId', 'projectId', 'branch'].every((key) => key in value);
  if (!complete) return undefined;
  const { projectId, teamId } = value;
  return {
    project: typeof projectId === 'string' ? projectId : '',
    organization: typeof teamId === 'string' ? teamId : undefined,
  };
}

function cut(error: string): string {
  return error.length > ERROR_MAX ? `${error.slice(0, CUT_ERROR_MAX)} ...` : error;
}
