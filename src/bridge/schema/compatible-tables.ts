import type { ColumnTypes } from '../../database/dialect.js';
import type { TableShape } from '../../database/tables.js';

/**
 * The tables of the compatible system, with the columns and indexes the bridge shares with other programs.
 * Instants are ISO texts; "unset" is the empty text, never NULL.
 */
export function compatibleTableShapes(types: ColumnTypes): readonly TableShape[] {
  const shapes = [
    instance(types),
    workspace(types),
    cluster(types),
    prebuilt(types),
    prebuildInfo(),
    prebuildUpdatable(),
    instanceMetrics(types),
    token(types),
  ];
  return shapes.map((shape) => ({
    ...shape,
    columns: { ...shape.columns, _lastModified: types.lastModified },
  }));
}

const ID = 'char(36) not null';
const TEXT = "varchar(255) not null default ''";
const FLAG = 'tinyint(4) not null default 0';

const all = (type: string, ...names: string[]) => Object.fromEntries(names.map((name) => [name, type]));

function instance(types: ColumnTypes): TableShape {
  return {
    name: 'd_b_workspace_instance',
    columns: {
      ...all(ID, 'id', 'workspaceId'),
      ...all('varchar(255) not null', 'region', 'creationTime'),
      ...all(TEXT, 'startedTime', 'deployedTime', 'stoppingTime', 'stoppedTime'),
      ...all(TEXT, 'lastHeartbeat', 'workspaceBaseImage', 'ideUrl', 'workspaceImage', 'workspaceClass'),
      status_old: 'varchar(255) null',
      status: `${types.json} not null`,
      phase: `char(32) generated always as (${types.jsonText('status', '$.phase')}) virtual`,
      phasePersisted: "char(32) not null default ''",
      deleted: FLAG,
      ...all('text null', 'configuration', 'imageBuildInfo'),
      usageAttributionId: "varchar(60) not null default ''",
      ...all(`${types.json} null`, 'gitStatus', 'metrics'),
    },
    key: ['id'],
    indexes: {
      ind_57a78fc47596636bc71e619c12: ['workspaceId'],
      ind_find_wsi_ws_in_period: ['workspaceId', 'startedTime', 'stoppedTime'],
      ind_dbsync: ['_lastModified'],
      ind_phasePersisted: ['phasePersisted'],
      ind_instance_phase: ['phase'],
      ind_phasePersisted_region: ['phasePersisted', 'region'],
      IDX_workspace_instance__started_time: ['startedTime'],
      IDX_workspace_instance__stopping_time: ['stoppingTime'],
      ind_usageAttributionId: ['usageAttributionId'],
    },
  };
}

function workspace(types: ColumnTypes): TableShape {
  return {
    name: 'd_b_workspace',
    columns: {
      ...all(ID, 'id', 'ownerId'),
      type: "char(16) not null default 'regular'",
      ...all(TEXT, 'creationTime', 'description', 'imageNameResolved', 'baseImageNameResolved'),
      ...all(TEXT, 'contentDeletedTime', 'softDeletedTime', 'cloneUrl'),
      contextURL: types.text(''),
      ...all(types.text('{}'), 'context', 'config'),
      imageSource: 'text null',
      ...all(FLAG, 'shareable', 'pinned', 'archived', 'deleted'),
      softDeleted: 'char(4) null',
      ...all('char(36) null', 'basedOnPrebuildId', 'basedOnSnapshotId'),
      organizationId: 'varchar(36) null',
      projectId: 'char(36) null',
      deletionEligibilityTime: "varchar(30) not null default ''",
    },
    key: ['id'],
    indexes: {
      ind_deb7c20cf2cce89de2b1bf882f: ['ownerId'],
      ind_dbsync: ['_lastModified'],
      ind_creationTime: ['creationTime'],
      ind_contentDeletion: ['contentDeletedTime', 'creationTime'],
      ind_softDeletion: ['softDeletedTime', 'softDeleted'],
      ind_type: ['type'],
      ind_id_deleted: ['id', 'deleted'],
      idx_organizationId: ['organizationId'],
      ind_ownerId_type_creationTime: ['ownerId', 'type', 'creationTime'],
      d_b_workspace_cloneURL_idx: ['cloneUrl'],
      ind_basedOnPrebuildId: ['basedOnPrebuildId'],
      ind_deletionEligibilityTime: ['deletionEligibilityTime'],
    },
  };
}

function cluster(types: ColumnTypes): TableShape {
  return {
    name: 'd_b_workspace_cluster',
    columns: {
      name: 'char(64) not null',
      url: 'varchar(255) not null',
      tls: 'text not null',
      state: 'char(20) not null',
      ...all('int null', 'score', 'maxScore'),
      govern: 'tinyint(4) not null',
      admissionConstraints: 'text not null',
      region: TEXT,
      availableWorkspaceClasses: `${types.json} null`,
      preferredWorkspaceClass: "varchar(100) not null default ''",
      deleted: FLAG,
    },
    key: ['name'],
    indexes: { ind_state: ['state'], ind_lastModified: ['_lastModified'] },
  };
}

function prebuilt(types: ColumnTypes): TableShape {
  return {
    name: 'd_b_prebuilt_workspace',
    columns: {
      id: ID,
      ...all('varchar(255) not null', 'cloneURL', 'commit', 'state'),
      creationTime: types.created,
      buildWorkspaceId: ID,
      ...all(TEXT, 'snapshot', 'error'),
      projectId: 'char(36) null',
      branch: 'varchar(255) null',
      statusVersion: 'bigint(20) not null default 0',
      deleted: FLAG,
    },
    key: ['id'],
    indexes: {
      ind_ac4a9aece1a455da0dc653888f: ['cloneURL', 'commit'],
      ind_6a04b7005d5ad0e664725f9f17: ['state'],
      ind_dbsync: ['_lastModified'],
      ind_buildWorkspaceId: ['buildWorkspaceId'],
      ind_projectId: ['projectId'],
      ind_prebuiltWorkspace_cloneURL_creationTime_state: ['cloneURL', 'creationTime', 'state'],
      ind_creationTime: ['creationTime'],
    },
  };
}

function prebuildInfo(): TableShape {
  return {
    name: 'd_b_prebuild_info',
    columns: { prebuildId: ID, info: 'text not null', deleted: FLAG },
    key: ['prebuildId'],
    indexes: { ind_dbsync: ['_lastModified'] },
  };
}

function prebuildUpdatable(): TableShape {
  return {
    name: 'd_b_prebuilt_workspace_updatable',
    columns: {
      ...all(ID, 'id', 'prebuiltWorkspaceId'),
      ...all(TEXT, 'owner', 'repo', 'commitSHA', 'installationId', 'contextUrl', 'issue', 'label'),
      ...all(FLAG, 'isResolved', 'deleted'),
    },
    key: ['id'],
    indexes: { ind_prebuiltWorkspaceId_isResolved: ['prebuiltWorkspaceId', 'isResolved'] },
  };
}

function instanceMetrics(types: ColumnTypes): TableShape {
  return {
    name: 'd_b_workspace_instance_metrics',
    columns: { instanceId: ID, metrics: `${types.json} not null` },
    key: ['instanceId'],
    indexes: { ind_dbsync: ['_lastModified'] },
  };
}

function token(types: ColumnTypes): TableShape {
  return {
    name: 'd_b_gitpod_token',
    columns: {
      tokenHash: 'varchar(255) not null',
      name: TEXT,
      type: 'int not null',
      userId: ID,
      scopes: types.text(''),
      created: 'varchar(255) not null',
    },
    key: ['tokenHash'],
    indexes: { ind_userId: ['userId'], ind_lastModified: ['_lastModified'] },
  };
}
