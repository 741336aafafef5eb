import type { Knex } from 'knex';
import type { Dialect } from '../../database/dialect.js';
import { rawRows } from '../../database/raw-rows.js';
import type { TableShape } from '../../database/tables.js';
import { StewardError } from '../../errors/steward-error.js';

/** How our tables are marked, so that those of an earlier start that was cut off are not taken for foreign ones. */
export const OURS = 'made by steward';

/** Types that do for what we keep in a column, by how ours is declared. */
const kinds: readonly { readonly declared: RegExp; readonly fitting: readonly string[] }[] = [
  { declared: /^json/, fitting: ['json', 'longtext'] },
  {
    declared: /^(char|varchar|text)/,
    fitting: ['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext', 'enum'],
  },
  {
    declared: /^(int|tinyint|bigint)/,
    fitting: ['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal', 'bit'],
  },
  { declared: /^timestamp/, fitting: ['timestamp', 'datetime'] },
];

/** The columns the bridge reads or writes; the others of these tables are their owners' business. */
const needed: Readonly<Record<string, readonly string[]>> = {
  d_b_workspace_instance: [
    ...['id', 'workspaceId', 'region', 'creationTime', 'startedTime', 'deployedTime', 'stoppingTime'],
    ...[
      'stoppedTime',
      'ideUrl',
      'workspaceImage',
      'workspaceClass',
      'status',
      'phase',
      'phasePersisted',
      'deleted',
    ],
    '_lastModified',
  ],
  d_b_workspace: ['id', 'ownerId', 'type', 'creationTime', 'contentDeletedTime', 'deleted'],
  d_b_workspace_cluster: [
    ...['name', 'url', 'tls', 'state', 'score', 'maxScore', 'govern', 'admissionConstraints', 'region'],
    ...['availableWorkspaceClasses', 'preferredWorkspaceClass', 'deleted', '_lastModified'],
  ],
  d_b_prebuilt_workspace: [
    ...['id', 'buildWorkspaceId', 'state', 'statusVersion', 'snapshot', 'error', 'creationTime', 'deleted'],
    '_lastModified',
  ],
  d_b_prebuild_info: ['prebuildId', 'info', 'deleted'],
  d_b_workspace_instance_metrics: ['instanceId', 'metrics', '_lastModified'],
  d_b_gitpod_token: ['userId', 'name'],
};

/**
 * The tables that are still to be made. Fails with `wrong-state` when others have made some of them and the rest, or
 * a column, is missing, unless it may be added; then it is.
 */
export async function claim(
  transaction: Knex.Transaction,
  dialect: Dialect,
  shapes: readonly TableShape[],
  allowAlter: boolean,
): Promise<readonly TableShape[]> {
  if (dialect.name === 'sqlite') return shapes;
  const found = await readTables(transaction);
  const missing = shapes.filter(({ name }) => !found.has(name));
  if (![...found.values()].some(({ isOurs }) => !isOurs)) return missing;
  const needless = missing.filter(({ name }) => needed[name] === undefined);
  const wanted = missing.filter(({ name }) => needed[name] !== undefined);
  if (wanted.length > 0 && !allowAlter) throw refused(`there is no table ${wanted[0]?.name}`);
  for (const shape of shapes) {
    const table = found.get(shape.name);
    if (table !== undefined) await check(transaction, shape, table, allowAlter);
  }
  return missing.filter((shape) => !needless.includes(shape));
}

/** Whether another program has made the table of instances, and so makes its rows, too. */
export async function isForeign(connection: Knex, dialect: Dialect): Promise<boolean> {
  if (dialect.name === 'sqlite') return false;
  return (await readTables(connection)).get('d_b_workspace_instance')?.isOurs === false;
}

interface FoundTable {
  readonly isOurs: boolean;
  /** Types of its columns by name. */
  readonly columns: ReadonlyMap<string, string>;
}

async function readTables(connection: Knex): Promise<ReadonlyMap<string, FoundTable>> {
  const rows = await rawRows<{ name: string; comment: string; columnName: string; type: string }>(
    connection,
    `select t.table_name as name, t.table_comment as comment, c.column_name as columnName, c.data_type as type
      from information_schema.tables t join information_schema.columns c using (table_schema, table_name)
      where t.table_schema = database() and t.table_name like 'd\\_b\\_%'`,
  );
  const tables = new Map<string, { isOurs: boolean; columns: Map<string, string> }>();
  for (const { name, comment, columnName, type } of rows) {
    if (needed[name] === undefined && comment !== OURS) continue;
    const table = tables.get(name) ?? { isOurs: comment === OURS, columns: new Map() };
    table.columns.set(columnName, type.toLowerCase());
    tables.set(name, table);
  }
  return tables;
}

async function check(
  transaction: Knex.Transaction,
  shape: TableShape,
  table: FoundTable,
  allowAlter: boolean,
): Promise<void> {
  for (const column of needed[shape.name] ?? []) {
    const declared = shape.columns[column] ?? '';
    const type = table.columns.get(column);
    if (type === undefined) {
      if (!allowAlter) throw refused(`table ${shape.name} has no column ${column}`);
      await transaction.raw(`alter table \`${shape.name}\` add column \`${column}\` ${declared}`);
      continue;
    }
    const kind = kinds.find((candidate) => candidate.declared.test(declared));
    if (kind !== undefined && !kind.fitting.includes(type)) {
      throw refused(`column ${column} of table ${shape.name} is a ${type}, and ${declared} is needed`);
    }
  }
}

function refused(what: string): StewardError {
  return new StewardError(
    'wrong-state',
    `The database has tables that another program has made, and they do not fit: ${what}. Bring them up to date, use another database, or set database.allowAlter to let what is missing be added.`,
  );
}
