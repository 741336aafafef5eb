import { createHash } from 'node:crypto';
import type { World } from '../gateways/world.js';
import { packFolder } from './archive.js';
import { ATTRIBUTED_ENTRIES_MAX, NAME_DIGEST_BYTES } from './bounds.js';
import { TarHeaders } from './tar-headers.js';

/** Whether a restored folder has the extended attributes and ACLs that its archives gave it. */
export type AttributeProof =
  | { readonly kind: 'same' }
  | { readonly kind: 'different'; readonly why: string }
  /** More entries have some than are kept in mind. */
  | { readonly kind: 'too-many' };

/**
 * Collects what the archives of a chain say of extended attributes and ACLs, oldest first: of each name the newest
 * archive that has it says what it has. Names are kept as digests, and only those of entries that have any.
 */
export class ArchivedAttributes {
  readonly #byName = new Map<string, string>();
  /** One string for all that have the same. */
  readonly #known = new Map<string, string>();
  readonly #entriesMax: number;
  #hasAny = false;
  #isOverfull = false;

  constructor(entriesMax = ATTRIBUTED_ENTRIES_MAX) {
    this.#entriesMax = entriesMax;
  }

  /** Takes the tar stream of the next archive. */
  nextArchive(): (chunk: Buffer) => void {
    const headers = new TarHeaders(({ name, linkTo, attributes }) => {
      if (attributes === '' && this.#byName.size === 0) return;
      const key = digestOf(name);
      if (linkTo !== undefined) this.#set(key, this.#byName.get(digestOf(linkTo)));
      else this.#set(key, attributes === '' ? undefined : this.#intern(digestOf(attributes)));
    });
    return (chunk) => headers.take(chunk);
  }

  /** Compares with a folder that the archives were restored into; reads all of it when any of them had some. */
  async compare(world: World, folder: string, signal: AbortSignal): Promise<AttributeProof> {
    if (this.#isOverfull) return { kind: 'too-many' };
    if (!this.#hasAny) return { kind: 'same' };
    let count = 0;
    let first = '';
    const headers = new TarHeaders(({ name, linkTo, attributes }) => {
      // Another name of a file that was looked at.
      if (linkTo !== undefined) return;
      const found = attributes === '' ? undefined : digestOf(attributes);
      if (found === this.#byName.get(digestOf(name))) return;
      if (count === 0) first = Buffer.from(name, 'latin1').toString('utf8');
      count += 1;
    });
    const { body } = await packFolder(world, folder, { signal, isPlain: true });
    for await (const chunk of body) headers.take(chunk);
    if (count === 0) return { kind: 'same' };
    const why = `${count} of its entries have other extended attributes or ACLs than were archived, first ${JSON.stringify(first)}`;
    return { kind: 'different', why };
  }

  #set(key: string, attributes: string | undefined): void {
    if (attributes === undefined) {
      this.#byName.delete(key);
      return;
    }
    this.#hasAny = true;
    if (this.#byName.size < this.#entriesMax) this.#byName.set(key, attributes);
    else this.#isOverfull = true;
  }

  #intern(attributes: string): string {
    const known = this.#known.get(attributes);
    if (known !== undefined) return known;
    this.#known.set(attributes, attributes);
    return attributes;
  }
}

function digestOf(text: string): string {
  const digest = createHash('sha256').update(text, 'latin1').digest();
  return digest.toString('latin1', 0, NAME_DIGEST_BYTES);
}
