import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { parseJson } from '../../config/parse-json.js';
import { StewardError } from '../../errors/steward-error.js';
import type { ObjectName, ObjectStorage } from '../../storage/object-storage.js';
import { PROBE_FOLDER } from '../../storage/probe.js';
import { STORED_POLICIES_MAX, STORED_TURN_BYTES_MAX } from '../bounds.js';

const FOLDER = `${PROBE_FOLDER}upkeep/policy/`;

const count = z.number().nonnegative();
const schema = z.object({
  revision: count,
  keepCount: count,
  keepAgeMs: count,
  orphanAgeMs: count,
  /** Who said it, for people who look. */
  node: z.string(),
});

/** How long what is stored stays. */
export interface Keeping {
  readonly keepCount: number;
  readonly keepAgeMs: number;
  readonly orphanAgeMs: number;
}

/** What one node is configured to keep. */
export interface KeepingWish extends Keeping {
  /** A higher one takes the place of all that was said with a lower. */
  readonly revision: number;
}

export interface AgreedKeeping {
  readonly keeping: Keeping;
  /**
   * `new`: the storage did not know of it before, and nothing is removed yet, so that others can say theirs. `more`:
   * others keep more than this node would.
   */
  readonly kind: 'new' | 'own' | 'more';
}

export interface StoredPolicyOptions {
  readonly storage: Pick<ObjectStorage, 'put' | 'get'>;
  readonly wish: KeepingWish;
  readonly node: string;
}

/**
 * What all nodes that share a storage keep: the most that any of them has said in the highest revision. What was said
 * is beside what it is about, one object after another, none of which ever changes, so that no two nodes lose each
 * other's word. Fails, and then nothing may be removed, when one of them cannot be read.
 */
export async function agreedKeeping(
  { storage, wish, node }: StoredPolicyOptions,
  signal: AbortSignal,
): Promise<AgreedKeeping> {
  let agreed: KeepingWish | undefined;
  let number = 0;
  for (let step = 0; step < STORED_POLICIES_MAX; step += 1) {
    const said = await read(storage, nameOf(number), signal);
    if (said !== undefined) {
      agreed = together(agreed, said);
      number += 1;
      continue;
    }
    if (agreed !== undefined && !addsTo(agreed, wish)) {
      return { keeping: most(agreed, wish), kind: isMore(agreed, wish) ? 'more' : 'own' };
    }
    if (await say(storage, nameOf(number), { ...wish, node }, signal)) {
      return { keeping: together(agreed, wish), kind: 'new' };
    }
  }
  throw new StewardError(
    'storage-refused',
    `there are more than ${STORED_POLICIES_MAX} objects in ${FOLDER}`,
  );
}

/** Whether anything changes for others when this is said, too. */
function addsTo(agreed: KeepingWish, wish: KeepingWish): boolean {
  return wish.revision === agreed.revision ? isMore(wish, agreed) : wish.revision > agreed.revision;
}

function isMore(one: Keeping, other: Keeping): boolean {
  return (
    one.keepCount > other.keepCount || one.keepAgeMs > other.keepAgeMs || one.orphanAgeMs > other.orphanAgeMs
  );
}

function together(before: KeepingWish | undefined, said: KeepingWish): KeepingWish {
  if (before === undefined || said.revision > before.revision) return said;
  if (said.revision < before.revision) return before;
  return { ...most(before, said), revision: said.revision };
}

function most(one: Keeping, other: Keeping): Keeping {
  return {
    keepCount: Math.max(one.keepCount, other.keepCount),
    keepAgeMs: Math.max(one.keepAgeMs, other.keepAgeMs),
    orphanAgeMs: Math.max(one.orphanAgeMs, other.orphanAgeMs),
  };
}

async function read(
  storage: Pick<ObjectStorage, 'get'>,
  name: ObjectName,
  signal: AbortSignal,
): Promise<KeepingWish | undefined> {
  const found = await storage.get(name, { signal, range: { start: 0, end: STORED_TURN_BYTES_MAX - 1 } });
  if (found === undefined) return undefined;
  const said = schema.safeParse(parseJson((await buffer(found)).toString('utf8'))).data;
  if (said !== undefined) return said;
  throw new StewardError(
    'storage-refused',
    `what is to be kept cannot be read in ${name}; look at it, or remove it`,
  );
}

/** False when another node said something there meanwhile. */
async function say(
  storage: Pick<ObjectStorage, 'put'>,
  name: ObjectName,
  said: KeepingWish & { readonly node: string },
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const body = Readable.from([JSON.stringify(said)]);
    await storage.put(name, body, { signal, contentType: 'application/json' });
    return true;
  } catch (error) {
    if (error instanceof StewardError && error.code === 'already-exists') return false;
    throw error;
  }
}

function nameOf(number: number): ObjectName {
  return `${FOLDER}${number}.json`;
}
