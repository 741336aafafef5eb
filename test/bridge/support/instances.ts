import type { RowPhase } from '../../../machines/phase-relation.js';
import type { StopRequest } from '../../../src/bridge/pipeline/updates.js';
import type { Database } from '../../../src/database/database.js';

export interface InstanceOptions {
  readonly id: string;
  readonly region: string;
  readonly phase: RowPhase;
  readonly type?: 'regular' | 'prebuild' | 'imagebuild';
  readonly version?: bigint;
  readonly createdAt?: Date;
  readonly owner?: string;
  readonly deleted?: boolean;
}

/** An order to stop a running instance, by default one of the cluster that tests mostly have. */
export function stopOf(
  instance: string,
  expectedVersion: bigint,
  but: Partial<StopRequest> = {},
): StopRequest {
  const expected = { expectedVersion, expectedPhase: 'running', expectedRegion: 'local' } as const;
  return { instance, ...expected, message: 'gone', requestedAt: 0, ...but };
}

/** A row as another program makes it, with that of its workspace. */
export async function insertInstance(database: Database, options: InstanceOptions): Promise<void> {
  const { id, region, phase, type = 'regular', owner = 'owner-1' } = options;
  const creationTime = (options.createdAt ?? new Date(Date.UTC(2026, 0, 1))).toISOString();
  await database.write(async (transaction) => {
    await transaction('d_b_workspace').insert({ id: `ws-${id}`, ownerId: owner, type, creationTime });
    await transaction('d_b_workspace_instance').insert({
      ...{ id, region, creationTime, workspaceId: `ws-${id}`, ideUrl: '' },
      status: `{"version":${options.version ?? 0n},"conditions":{},"phase":"${phase}"}`,
      phasePersisted: phase,
      deleted: options.deleted === true ? 1 : 0,
    });
  });
}
