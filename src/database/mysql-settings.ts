import type { ServerTlsTexts } from '../config/server-tls.js';

/** How to reach a MySQL or MariaDB server. */
export interface MysqlSettings {
  readonly host: string;
  readonly port: number;
  /** Path of its Unix socket; then host and port are not used. */
  readonly socket?: string;
  readonly user: string;
  readonly password: string;
  /** Of the database. */
  readonly name: string;
  /** How long one statement may take. */
  readonly statementDeadlineMs?: number;
  /** How long one connection is used. */
  readonly connectionAgeMaxMs?: number;
  /** Absent: not encrypted. */
  readonly tls?: ServerTlsTexts;
}
