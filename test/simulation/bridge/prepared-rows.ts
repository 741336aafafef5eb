import type { Knex } from 'knex';

export interface PreparedRow {
  readonly id: string;
  readonly region: string;
  readonly isPrebuild: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What the server of the compatible system writes before it asks a manager for an instance. */
export async function insertInstance(
  transaction: Knex.Transaction,
  { id, region, isPrebuild, now }: PreparedRow,
): Promise<void> {
  const creationTime = new Date(now).toISOString();
  const workspace = `ws-${id}`;
  const type = isPrebuild ? 'prebuild' : 'regular';
  await transaction('d_b_workspace').insert({ id: workspace, ownerId: 'owner-1', type, creationTime });
  await transaction('d_b_workspace_instance').insert({
    ...{ id, creationTime, workspaceId: workspace, region, ideUrl: '' },
    status: '{"version":0,"conditions":{},"phase":"preparing"}',
    phasePersisted: 'preparing',
  });
  if (!isPrebuild) return;
  const info = { id, buildWorkspaceId: workspace, projectId: 'project', branch: 'main' };
  await transaction('d_b_prebuilt_workspace').insert({
    ...{ id, cloneURL: 'u', commit: 'c', state: 'queued', buildWorkspaceId: workspace },
    creationTime: '2030-01-01 00:00:00.000000',
  });
  await transaction('d_b_prebuild_info').insert({ prebuildId: id, info: JSON.stringify(info) });
}
