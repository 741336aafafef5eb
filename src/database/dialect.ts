import type { Knex } from 'knex';

/**
 * Where SQL differs between databases. Everything else is written once, in the subset all of them share.
 * A dialect knows SQL, never what the tables are for.
 */
export interface Dialect {
  readonly name: 'sqlite' | 'mysql';
  /** How many transactions may usefully run at the same time. */
  readonly concurrency: number;
  readonly columns: ColumnTypes;
  /** An expression for this instant by the database's clock, for columns that hold instants with microseconds. */
  readonly now: string;
  /** The same, so much later. */
  after(milliseconds: number): string;
  /** An expression for the text of an unsigned 64-bit integer inside a JSON column, '0' when it is absent or no integer. */
  jsonInteger(column: string, path: string): string;
  /**
   * An expression that orders like the unsigned 64-bit integer whose decimal text `expression` is. Doubles do not:
   * they are exact to 2^53 only.
   */
  orderedInteger(expression: string): string;
  /**
   * Changes many rows with one UPDATE and answers the keys of those that were changed. `set` and `where` read what
   * the members say through `field`. No key may occur twice.
   */
  updateRows(
    transaction: Knex.Transaction,
    update: BulkUpdate,
    members: readonly BulkMember[],
  ): Promise<ReadonlySet<string>>;
  /** What a member says, NULL when it does not; only inside a BulkUpdate. */
  field(name: string): string;
  /** What tells one text of any length in a column from all others: in SQL, and of a text that was read from it. */
  readonly fingerprint: { sql(column: string): string; of(text: string): string };
  /** Adds at least one row to a table that numbers its rows, and answers their numbers in the order of the rows. */
  insertNumbered(
    transaction: Knex.Transaction,
    insert: NumberedInsert,
    rows: readonly (readonly string[])[],
  ): Promise<readonly number[]>;
  /** Adds rows, or sets the columns of those whose key exists; no key may occur twice. */
  upsertRows(
    transaction: Knex.Transaction,
    upsert: BulkUpsert,
    rows: readonly (readonly string[])[],
  ): Promise<void>;
  /** An INSERT with a binding for each column that leaves a row alone when its key exists. */
  insertMissing(table: string, key: string, columns: readonly string[]): string;
}

/** How columns are declared that databases have different types for. */
export interface ColumnTypes {
  readonly json: string;
  /** A text of any length with a default, where texts may have one. */
  text(fallback: string): string;
  /** An instant with microseconds that is set whenever the row changes, where the database does that. */
  readonly lastModified: string;
  /** An instant with microseconds that is set when the row is made. */
  readonly created: string;
  /** An expression for a member of a JSON column as text. */
  jsonText(column: string, path: string): string;
}

export interface NumberedInsert {
  readonly table: string;
  /** The column with the number, which the database gives. */
  readonly number: string;
  /** Those that the rows say, in their order. */
  readonly columns: readonly string[];
}

export interface BulkUpsert {
  readonly table: string;
  readonly key: string;
  /** What the rows say behind their key, in their order. */
  readonly columns: readonly string[];
  /** The column that gets this instant by the database's clock. */
  readonly changedAt: string;
}

export interface BulkUpdate {
  readonly table: string;
  readonly key: string;
  /** What members may say beside the key. */
  readonly fields: readonly string[];
  readonly set: Readonly<Record<string, string>>;
  /** Beyond equality of the key with the member's. */
  readonly where: readonly string[];
}

export interface BulkMember {
  readonly key: string;
  /** For each of the fields; undefined for what it does not say. */
  readonly values: readonly (string | undefined)[];
}
