import type { Knex } from 'knex';
import type { Migration } from '../../database/migrations.js';

/**
 * The tables of the compatible system, with the columns and indexes the bridge shares with other programs.
 * Instants are ISO texts; "unset" is the empty text, never NULL. JSON and texts are TEXT in SQLite.
 */
export const compatibleTables: Migration = {
  number: 1,
  name: 'compatible tables',
  async up(transaction) {
    for (const table of tables) {
      await transaction.schema.createTable(table.name, (columns) => {
        table.columns(columns);
        columns.specificType('_lastModified', 'timestamp(6)').notNullable().defaultTo(transaction.fn.now());
      });
      for (const [index, on] of Object.entries(table.indexes)) {
        // Index names are unique per table in MySQL, per database in SQLite.
        await transaction.raw(`create index "${table.name}_${index}" on "${table.name}" (${on})`);
      }
    }
  },
};

interface Table {
  readonly name: string;
  readonly columns: (table: Knex.CreateTableBuilder) => void;
  readonly indexes: Readonly<Record<string, string>>;
}

const text = (table: Knex.CreateTableBuilder, ...names: string[]) => {
  for (const name of names) table.string(name, 255).notNullable().defaultTo('');
};

const flag = (table: Knex.CreateTableBuilder, name: string) => {
  table.specificType(name, 'tinyint(4)').notNullable().defaultTo(0);
};

const instance: Table = {
  name: 'd_b_workspace_instance',
  columns: (table) => {
    table.specificType('id', 'char(36)').notNullable().primary();
    table.specificType('workspaceId', 'char(36)').notNullable();
    table.string('region', 255).notNullable();
    table.string('creationTime', 255).notNullable();
    text(
      table,
      'startedTime',
      'deployedTime',
      'stoppingTime',
      'stoppedTime',
      'lastHeartbeat',
      'workspaceBaseImage',
    );
    text(table, 'ideUrl', 'workspaceImage', 'workspaceClass');
    table.string('status_old', 255).nullable();
    table.text('status').notNullable();
    table.specificType('phase', "char(32) generated always as (status ->> '$.phase') virtual");
    table.specificType('phasePersisted', 'char(32)').notNullable().defaultTo('');
    flag(table, 'deleted');
    table.text('configuration').nullable();
    table.text('imageBuildInfo').nullable();
    table.string('usageAttributionId', 60).notNullable().defaultTo('');
    table.text('gitStatus').nullable();
    table.text('metrics').nullable();
  },
  indexes: {
    ind_57a78fc47596636bc71e619c12: '"workspaceId"',
    ind_find_wsi_ws_in_period: '"workspaceId", "startedTime", "stoppedTime"',
    ind_dbsync: '"_lastModified"',
    ind_phasePersisted: '"phasePersisted"',
    ind_instance_phase: '"phase"',
    ind_phasePersisted_region: '"phasePersisted", "region"',
    IDX_workspace_instance__started_time: '"startedTime"',
    IDX_workspace_instance__stopping_time: '"stoppingTime"',
    ind_usageAttributionId: '"usageAttributionId"',
  },
};

const workspace: Table = {
  name: 'd_b_workspace',
  columns: (table) => {
    table.specificType('id', 'char(36)').notNullable().primary();
    table.specificType('ownerId', 'char(36)').notNullable();
    table.specificType('type', 'char(16)').notNullable().defaultTo('regular');
    text(
      table,
      'creationTime',
      'description',
      'imageNameResolved',
      'baseImageNameResolved',
      'contentDeletedTime',
    );
    text(table, 'softDeletedTime', 'cloneUrl');
    table.text('contextURL').notNullable().defaultTo('');
    table.text('context').notNullable().defaultTo('{}');
    table.text('config').notNullable().defaultTo('{}');
    table.text('imageSource').nullable();
    for (const name of ['shareable', 'pinned', 'archived', 'deleted']) flag(table, name);
    table.specificType('softDeleted', 'char(4)').nullable();
    table.specificType('basedOnPrebuildId', 'char(36)').nullable();
    table.specificType('basedOnSnapshotId', 'char(36)').nullable();
    table.string('organizationId', 36).nullable();
    table.specificType('projectId', 'char(36)').nullable();
    table.string('deletionEligibilityTime', 30).notNullable().defaultTo('');
  },
  indexes: {
    ind_deb7c20cf2cce89de2b1bf882f: '"ownerId"',
    ind_dbsync: '"_lastModified"',
    ind_creationTime: '"creationTime"',
    ind_contentDeletion: '"contentDeletedTime", "creationTime"',
    ind_softDeletion: '"softDeletedTime", "softDeleted"',
    ind_type: '"type"',
    ind_id_deleted: '"id", "deleted"',
    idx_organizationId: '"organizationId"',
    ind_ownerId_type_creationTime: '"ownerId", "type", "creationTime"',
    d_b_workspace_cloneURL_idx: '"cloneUrl"',
    ind_basedOnPrebuildId: '"basedOnPrebuildId"',
    ind_deletionEligibilityTime: '"deletionEligibilityTime"',
  },
};

const cluster: Table = {
  name: 'd_b_workspace_cluster',
  columns: (table) => {
    table.specificType('name', 'char(64)').notNullable().primary();
    table.string('url', 255).notNullable();
    table.text('tls').notNullable();
    table.specificType('state', 'char(20)').notNullable();
    table.integer('score').nullable();
    table.integer('maxScore').nullable();
    table.specificType('govern', 'tinyint(4)').notNullable();
    table.text('admissionConstraints').notNullable();
    text(table, 'region');
    table.text('availableWorkspaceClasses').nullable();
    table.string('preferredWorkspaceClass', 100).notNullable().defaultTo('');
    flag(table, 'deleted');
  },
  indexes: { ind_state: '"state"', ind_lastModified: '"_lastModified"' },
};

const prebuilt: Table = {
  name: 'd_b_prebuilt_workspace',
  columns: (table) => {
    table.specificType('id', 'char(36)').notNullable().primary();
    table.string('cloneURL', 255).notNullable();
    table.string('commit', 255).notNullable();
    table.string('state', 255).notNullable();
    table.specificType('creationTime', 'timestamp(6) default current_timestamp').notNullable();
    table.specificType('buildWorkspaceId', 'char(36)').notNullable();
    text(table, 'snapshot', 'error');
    table.specificType('projectId', 'char(36)').nullable();
    table.string('branch', 255).nullable();
    table.specificType('statusVersion', 'bigint(20)').notNullable().defaultTo(0);
    flag(table, 'deleted');
  },
  indexes: {
    ind_ac4a9aece1a455da0dc653888f: '"cloneURL", "commit"',
    ind_6a04b7005d5ad0e664725f9f17: '"state"',
    ind_dbsync: '"_lastModified"',
    ind_buildWorkspaceId: '"buildWorkspaceId"',
    ind_projectId: '"projectId"',
    ind_prebuiltWorkspace_cloneURL_creationTime_state: '"cloneURL", "creationTime", "state"',
    ind_creationTime: '"creationTime"',
  },
};

const prebuildInfo: Table = {
  name: 'd_b_prebuild_info',
  columns: (table) => {
    table.specificType('prebuildId', 'char(36)').notNullable().primary();
    table.text('info').notNullable();
    flag(table, 'deleted');
  },
  indexes: { ind_dbsync: '"_lastModified"' },
};

const prebuildUpdatable: Table = {
  name: 'd_b_prebuilt_workspace_updatable',
  columns: (table) => {
    table.specificType('id', 'char(36)').notNullable().primary();
    table.specificType('prebuiltWorkspaceId', 'char(36)').notNullable();
    text(table, 'owner', 'repo', 'commitSHA', 'installationId', 'contextUrl', 'issue', 'label');
    for (const name of ['isResolved', 'deleted']) flag(table, name);
  },
  indexes: { ind_prebuiltWorkspaceId_isResolved: '"prebuiltWorkspaceId", "isResolved"' },
};

const instanceMetrics: Table = {
  name: 'd_b_workspace_instance_metrics',
  columns: (table) => {
    table.specificType('instanceId', 'char(36)').notNullable().primary();
    table.text('metrics').notNullable();
  },
  indexes: { ind_dbsync: '"_lastModified"' },
};

const token: Table = {
  name: 'd_b_gitpod_token',
  columns: (table) => {
    table.string('tokenHash', 255).notNullable().primary();
    text(table, 'name');
    table.integer('type').notNullable();
    table.specificType('userId', 'char(36)').notNullable();
    table.text('scopes').notNullable().defaultTo('');
    table.string('created', 255).notNullable();
  },
  indexes: { ind_userId: '"userId"', ind_lastModified: '"_lastModified"' },
};

const tables: readonly Table[] = [
  instance,
  workspace,
  cluster,
  prebuilt,
  prebuildInfo,
  prebuildUpdatable,
  instanceMetrics,
  token,
];
