/** How bodies of one kind are read; all of it pure. */
export interface RecordSchema<Body> {
  /** Raised with every change of shape. */
  readonly version: number;
  /** Under version n: what turns a body of version n into one of version n + 1. */
  readonly migrations: Readonly<Record<number, (body: unknown) => unknown>>;
  /** The body of the current version, checked; throws when it does not fit. */
  parse(body: unknown): Body;
}

export type Migrated<Body> =
  | { readonly kind: 'fits'; readonly body: Body }
  | { readonly kind: 'unfit'; readonly reason: string };

/** Brings a body of an older version up to date. */
export function migrate<Body>(schema: RecordSchema<Body>, version: number, body: unknown): Migrated<Body> {
  if (version > schema.version) {
    return unfit(`its version ${version} is newer than this program's ${schema.version}`);
  }
  try {
    let current = body;
    for (let from = version; from < schema.version; from += 1) {
      const step = schema.migrations[from];
      if (step === undefined) return unfit(`no migration leads on from version ${from}`);
      current = step(current);
    }
    return { kind: 'fits', body: schema.parse(current) };
  } catch (error) {
    return unfit(
      `version ${version} does not fit: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function unfit(reason: string): { readonly kind: 'unfit'; readonly reason: string } {
  return { kind: 'unfit', reason };
}
