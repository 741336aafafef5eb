import type { Readable } from 'node:stream';

/**
 * Where archives and manifests live. Objects are immutable for us: every name is new, `put` never replaces.
 * Failures are StewardErrors: `storage-unavailable` (worth another try), `disk-full`, `already-exists`.
 */
export interface ObjectStorage {
  /** For snapshot names (`object@bucket`), logs and people. */
  readonly bucket: string;
  /** Streams `body` into a new object and resolves when it is durable. An abort or a failure leaves no object. */
  put(name: ObjectName, body: Readable, options: PutOptions): Promise<StoredObject>;
  /** The object's bytes, `range` as in HTTP (both ends included); undefined when there is no such object. */
  get(name: ObjectName, options: GetOptions): Promise<Readable | undefined>;
  head(name: ObjectName, signal: AbortSignal): Promise<StoredObject | undefined>;
  /** Every object below the prefix, in the order of their names. */
  list(prefix: string, signal: AbortSignal): AsyncIterable<StoredObject>;
  /** A missing object is fine. */
  delete(name: ObjectName, signal: AbortSignal): Promise<void>;
  /** Whether objects can be written and read now; rejects with the reason. */
  check(signal: AbortSignal): Promise<void>;
}

/** Segments of letters, digits and `._-` joined by `/`; no empty, `.` or `..` segment. */
export type ObjectName = string;

export interface PutOptions {
  readonly signal: AbortSignal;
  readonly contentType?: string;
}

export interface GetOptions {
  readonly signal: AbortSignal;
  readonly range?: { readonly start: number; readonly end?: number };
}

export interface StoredObject {
  readonly name: ObjectName;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}
