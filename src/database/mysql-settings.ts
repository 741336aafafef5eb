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
  /** PEM texts; absent: not encrypted. */
  readonly tls?: { readonly ca?: string; readonly crt?: string; readonly key?: string };
}
