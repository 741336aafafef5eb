import type { Migration } from '../../database/migrations.js';
import { compatibleTables } from './0001-compatible-tables.js';
import { stewardTables } from './0002-steward-tables.js';
import { contentStates } from './0003-content-states.js';
import { leaseRenewals } from './0004-lease-renewals.js';
import { unregisteredClusters } from './0005-unregistered-clusters.js';

export interface SchemaOptions {
  /** Whether columns and tables that are missing may be added where another program has made the others. */
  readonly allowAlter: boolean;
}

export function bridgeMigrations({ allowAlter }: SchemaOptions): readonly Migration[] {
  return [compatibleTables(allowAlter), stewardTables, contentStates, leaseRenewals, unregisteredClusters];
}

/** Of a database that is ours alone. */
export const migrations: readonly Migration[] = bridgeMigrations({ allowAlter: false });
