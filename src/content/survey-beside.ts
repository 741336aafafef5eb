import { StewardError } from '../errors/steward-error.js';
import type { World } from '../gateways/world.js';
import { CHAIN_TICK_MS } from './bounds.js';
import { type Beginning, isAtRest } from './chain.js';
import type { Exclude } from './exclude.js';
import { type Survey, surveyFolder, surveyUntouched } from './survey.js';
import { isUntouched } from './untouched.js';

interface Look {
  readonly world: World;
  readonly folder: string;
  readonly excludes: readonly Exclude[];
  readonly begun: Beginning;
}

/**
 * A survey that is made while tar reads the same content. It shows what is there afterwards as well if nothing was
 * touched since the beginning, which a short look tells; else it is made once more.
 */
export class SurveyBeside {
  readonly #look: Look;
  readonly #over = new AbortController();
  /** undefined when it found something touched, could not be made, or was used up. */
  #early: Promise<Survey | undefined>;

  constructor(look: Look, signal: AbortSignal) {
    this.#look = look;
    const { world, folder, excludes, begun } = look;
    const alive = AbortSignal.any([signal, this.#over.signal]);
    this.#early = surveyUntouched(world, folder, excludes, sinceOf(begun), alive).then(
      (survey) => (survey === 'touched' ? undefined : survey),
      // What is wrong with the content is told by the one that is made instead.
      () => undefined,
    );
  }

  /** Of the content as it is now. To be called when tar has ended; the second time it looks at everything again. */
  async finish(signal: AbortSignal): Promise<Survey> {
    const onAbort = () => this.#over.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const early = await this.#early;
    signal.removeEventListener('abort', onAbort);
    this.#early = Promise.resolve(undefined);
    const { world, folder, excludes } = this.#look;
    if (early !== undefined && (await this.#holds(early, signal))) return early;
    return surveyFolder(world, folder, excludes, signal);
  }

  /** Nobody wants to know any more. */
  async end(): Promise<void> {
    this.#over.abort(new StewardError('cancelled', 'nobody waits for the survey'));
    await this.#early;
  }

  async #holds(early: Survey, signal: AbortSignal): Promise<boolean> {
    const { world, folder, excludes, begun } = this.#look;
    try {
      if (!(await isAtRest(world, folder, early, begun))) return false;
      return await isUntouched(world, folder, excludes, sinceOf(begun), signal);
    } catch {
      signal.throwIfAborted();
      return false;
    }
  }
}

/** Whatever was changed later was not at rest. */
function sinceOf({ startedAtMs }: Beginning): number {
  return startedAtMs - CHAIN_TICK_MS;
}
