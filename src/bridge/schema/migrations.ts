import type { Migration } from '../../database/migrations.js';
import { compatibleTables } from './0001-compatible-tables.js';
import { stewardTables } from './0002-steward-tables.js';
import { contentStates } from './0003-content-states.js';

export const migrations: readonly Migration[] = [compatibleTables, stewardTables, contentStates];
