/**
 * Where SQL differs between databases. Everything else is written once, in the subset all of them share.
 * A dialect knows SQL, never what the tables are for.
 */
export interface Dialect {
  readonly name: 'sqlite' | 'mysql';
  /** How many statements may usefully run at the same time. */
  readonly concurrency: number;
  /** An expression for the text of an unsigned 64-bit integer inside a JSON column, '0' when it is absent or no integer. */
  jsonInteger(column: string, path: string): string;
  /**
   * An expression that orders like the unsigned 64-bit integer whose decimal text `expression` is. Doubles do not:
   * they are exact to 2^53 only.
   */
  orderedInteger(expression: string): string;
  /**
   * One UPDATE of many rows from a JSON array given as the one binding. `set` and `where` may read a member of
   * the array's element through `field`. Answers the ids of the rows that were changed.
   */
  updateFromJson(statement: BulkUpdate): string;
  /** Text of an element's member, NULL when it is absent; only inside `updateFromJson`. */
  field(name: string): string;
  /** `column` with the JSON object in the member merged into it (RFC 7396) and the integer in another one set. */
  mergeJson(column: string, patchField: string, integerPath: string, integerField: string): string;
  /** Statement for a row that is left alone when its key exists. */
  readonly insertIgnore: string;
}

export interface BulkUpdate {
  readonly table: string;
  readonly key: string;
  readonly set: Readonly<Record<string, string>>;
  /** Beyond equality of the key with the member of the same name. */
  readonly where: readonly string[];
}
