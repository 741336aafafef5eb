import type { Readable } from 'node:stream';

/**
 * Where archives and manifests live. Objects are immutable for us: every name is new, `put` never replaces.
 * Failures are StewardErrors: `storage-unavailable` (worth another try), `storage-refused` (somebody has to mend
 * the configuration first), `disk-full`, `already-exists`.
 */
export interface ObjectStorage {
  /** What clients and other tools see: `<key>@<bucket>`, where this storage keeps an object of that name. */
  urlOf(name: ObjectName): string;
  /** The inverse; undefined when the URL names nothing that this storage could keep. */
  nameOf(url: string): ObjectName | undefined;
  /** Streams `body` into a new object and resolves when it is durable. An abort or a failure leaves no object. */
  put(name: ObjectName, body: Readable, options: PutOptions): Promise<StoredObject>;
  /**
   * As `put`, but takes the place of an object of this name at once: readers see the old or the new one, whole.
   * Only for objects that other tools look for under a fixed name; ours never change.
   */
  replace(name: ObjectName, body: Readable, options: PutOptions): Promise<StoredObject>;
  /** The object's bytes, `range` as in HTTP (both ends included); undefined when there is no such object. */
  get(name: ObjectName, options: GetOptions): Promise<Readable | undefined>;
  head(name: ObjectName, signal: AbortSignal): Promise<StoredObject | undefined>;
  /**
   * Resolves when an object that was seen is durable: whoever put it may have failed, or died, between its appearing
   * and that. A missing object is fine.
   */
  settle(name: ObjectName, signal: AbortSignal): Promise<void>;
  /** Every object below the prefix, in the order of their names; with `after`, those behind that name. */
  list(prefix: string, signal: AbortSignal, after?: ObjectName): AsyncIterable<StoredObject>;
  /** A missing object is fine. */
  delete(name: ObjectName, signal: AbortSignal): Promise<void>;
  /** All of them, in as few requests as the storage offers; missing ones are fine. Rejects if one is left. */
  deleteMany(names: readonly ObjectName[], signal: AbortSignal): Promise<void>;
  /** A link that lets its bearer read or write this object for a while; `not-implemented` where there are none. */
  sign(name: ObjectName, access: 'read' | 'write', signal: AbortSignal): Promise<string>;
  /** Removes what uploads left that ended long ago without an end; resolves with how many there were. */
  sweep(signal: AbortSignal): Promise<number>;
  /** Whether objects can be written and read now; rejects with the reason. */
  check(signal: AbortSignal): Promise<void>;
}

/** Segments of letters, digits and `._-` joined by `/`; no empty, `.` or `..` segment. */
export type ObjectName = string;

export interface PutOptions {
  readonly signal: AbortSignal;
  readonly contentType?: string;
  /** Kept beside the object where the storage can; keys of letters, digits and `-`. */
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface GetOptions {
  readonly signal: AbortSignal;
  readonly range?: { readonly start: number; readonly end?: number };
}

export interface StoredObject {
  readonly name: ObjectName;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** In hexadecimal; only when the storage computed it itself over what it durably holds. */
  readonly sha256?: string;
}
