import { type Readable, Transform } from 'node:stream';
import type { SeededRandom } from '../../src/gateways/simulated/random.js';
import type { SimulatedWorld } from '../../src/gateways/simulated/world.js';
import { DirectoryStorage, type DirectoryStorageOptions } from '../../src/storage/directory.js';
import type { GetOptions, ObjectName, PutOptions, StoredObject } from '../../src/storage/object-storage.js';

/** Share of the operations in which a lying storage lies. */
const LIE = 0.3;

/** Whether the storage tells the truth at the moment. */
export class Lies {
  #random: SeededRandom | undefined;

  begin(random: SeededRandom): void {
    this.#random = random;
  }

  end(): void {
    this.#random = undefined;
  }

  isLie(): boolean {
    return this.#random?.isHit(LIE) ?? false;
  }
}

/** Takes objects and stores nothing, or gives other bytes than it was given. */
export class LyingStorage extends DirectoryStorage {
  readonly #world: SimulatedWorld;
  readonly #lies: Lies;

  constructor(world: SimulatedWorld, options: DirectoryStorageOptions, lies: Lies) {
    super(world, options);
    this.#world = world;
    this.#lies = lies;
  }

  override async put(name: ObjectName, body: Readable, options: PutOptions): Promise<StoredObject> {
    if (!this.#lies.isLie()) return super.put(name, body, options);
    let sizeBytes = 0;
    for await (const chunk of body) sizeBytes += chunk.length;
    return { name, sizeBytes, modifiedMs: this.#world.clock.now() };
  }

  override async get(name: ObjectName, options: GetOptions): Promise<Readable | undefined> {
    const stored = await super.get(name, options);
    if (stored === undefined || !this.#lies.isLie()) return stored;
    const lying = otherBytes();
    stored.once('error', (error) => lying.destroy(error));
    lying.once('close', () => stored.destroy());
    // As of every storage: a failure before anybody reads waits for the reader.
    lying.on('error', () => undefined);
    return stored.pipe(lying);
  }
}

/** The first bit of every piece is another one. */
function otherBytes(): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const changed = Buffer.from(chunk);
      changed[0] = (changed[0] ?? 0) ^ 1;
      done(null, changed);
    },
  });
}
