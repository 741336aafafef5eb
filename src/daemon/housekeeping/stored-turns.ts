import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { parseJson } from '../../config/parse-json.js';
import { StewardError } from '../../errors/steward-error.js';
import { isObjectName } from '../../storage/object-name.js';
import type { ObjectName, ObjectStorage } from '../../storage/object-storage.js';
import { PROBE_FOLDER } from '../../storage/probe.js';
import { STORED_CLAIMS_MAX, STORED_TURN_BYTES_MAX } from '../bounds.js';

const FOLDER = `${PROBE_FOLDER}upkeep/`;
const NOTE = `${FOLDER}turn.json`;

const noteSchema = z.object({ turn: z.int().nonnegative(), after: z.string().optional() });

/** How far all turns so far have come. */
export interface StoredTurn {
  /** Which one it is: periods since the epoch. */
  readonly turn: number;
  /** Where its page begins; undefined at the first one. */
  readonly after: ObjectName | undefined;
  readonly before: number | undefined;
}

export interface StoredTurnsOptions {
  readonly storage: Pick<ObjectStorage, 'put' | 'get' | 'replace' | 'deleteMany'>;
  /** One turn in each; the same on all nodes that share the storage. */
  readonly periodMs: number;
  /** Who takes the turns, for people who look. */
  readonly node: string;
}

/**
 * Nodes that share a storage take turns at what is everybody's work: in each period the first one that writes the
 * object named for it has the turn, and how far it came is written for the next. That only saves work: where a storage
 * lets two have one turn, something is looked at twice, which does no harm. A turn that is not ended is lost, and the
 * next one begins where it did.
 */
export class StoredTurns {
  readonly #options: StoredTurnsOptions;

  constructor(options: StoredTurnsOptions) {
    this.#options = options;
  }

  /** At a time of the storage's; undefined when the turn of this period is another node's, or was taken before. */
  async take(nowMs: number, signal: AbortSignal): Promise<StoredTurn | undefined> {
    const { storage, periodMs, node } = this.#options;
    const turn = Math.floor(nowMs / periodMs);
    try {
      await storage.put(claimOf(turn), Readable.from([node]), { signal });
    } catch (error) {
      if (error instanceof StewardError && error.code === 'already-exists') return undefined;
      throw error;
    }
    const note = await this.#read(signal);
    return { turn, after: note?.after, before: note?.turn };
  }

  /** The next turn, whoever has it, begins behind `next`. */
  async end({ turn, before }: StoredTurn, next: ObjectName | undefined, signal: AbortSignal): Promise<void> {
    const { storage } = this.#options;
    const note = JSON.stringify({ turn, after: next });
    await storage.replace(NOTE, Readable.from([note]), { signal, contentType: 'application/json' });
    const first = Math.max(before ?? 0, turn - STORED_CLAIMS_MAX);
    const old = Array.from({ length: turn - first }, (_each, index) => claimOf(first + index));
    if (old.length > 0) await storage.deleteMany(old, signal);
  }

  /** A note that says nothing sensible is as good as none: the first page comes again. */
  async #read(signal: AbortSignal) {
    const range = { start: 0, end: STORED_TURN_BYTES_MAX - 1 };
    const found = await this.#options.storage.get(NOTE, { signal, range });
    if (found === undefined) return undefined;
    const note = noteSchema.safeParse(parseJson((await buffer(found)).toString('utf8'))).data;
    if (note === undefined) return undefined;
    const isSensible = note.after === undefined || isObjectName(note.after);
    return isSensible ? note : { turn: note.turn, after: undefined };
  }
}

function claimOf(turn: number): ObjectName {
  return `${FOLDER}${turn}`;
}
