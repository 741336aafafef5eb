import { type CatalogEntry, catalog } from '../errors/catalog.js';
import { StewardError } from '../errors/steward-error.js';

/** Nothing listens where the program should be: the usual failure of somebody new, so it says how to begin. */
export class NobodyAnswers extends StewardError {
  readonly #isLocal: boolean;

  constructor(program: string, address: string, isLocal: boolean, cause: unknown) {
    super('unavailable', `no ${program} answers at ${address}`, { cause });
    this.name = 'NobodyAnswers';
    this.#isLocal = isLocal;
  }

  override get entry(): CatalogEntry {
    const remedy = this.#isLocal
      ? 'Nothing was changed. Start the system with `steward up`; if it runs with another state folder, name that with --state.'
      : 'Nothing was changed. Check --address and the TLS flags, and whether the program runs there.';
    return { ...catalog.unavailable, remedy };
  }
}
