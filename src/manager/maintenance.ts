import { parseJson } from '../config/parse-json.js';
import { StewardError } from '../errors/steward-error.js';
import { sleep } from '../gateways/clock.js';
import { replaceDurably } from '../gateways/durable.js';
import { errorCode } from '../gateways/file-error.js';
import type { World } from '../gateways/world.js';
import { MAINTENANCE_CHECK_MS, MAINTENANCE_FILE_BYTES } from './bounds.js';

/**
 * Maintenance, announced by a file: `{"enabledUntil": "2030-01-01T00:00:00Z"}`. While it lasts nothing is started or
 * stopped by request and nothing times out. A file that is missing, or says something else, announces none.
 */
export class Maintenance {
  readonly #world: Pick<World, 'clock' | 'files'>;
  readonly #path: string;

  constructor(world: Pick<World, 'clock' | 'files'>, path: string) {
    this.#world = world;
    this.#path = path;
  }

  /** Until when it lasts, as things stand; undefined when there is none. */
  async until(): Promise<number | undefined> {
    const until = enabledUntil(await this.#text());
    return until !== undefined && this.#world.clock.now() < until ? until : undefined;
  }

  /** `under-maintenance`, with exactly the words that callers look for. */
  async refuse(): Promise<void> {
    if ((await this.until()) !== undefined) throw new StewardError('under-maintenance', 'under maintenance');
  }

  /** Announces it, or (undefined) takes it back; resolves when that is on disk. */
  async set(until: number | undefined): Promise<void> {
    const { files } = this.#world;
    const said = until === undefined ? {} : { enabledUntil: new Date(until).toISOString() };
    await replaceDurably(files, this.#path, `${this.#path}.tmp`, `${JSON.stringify(said)}\n`);
  }

  /** Resolves when there is none; the file is looked at again every minute, for somebody may take it back. */
  async over(signal: AbortSignal): Promise<void> {
    const { clock } = this.#world;
    for (;;) {
      const until = await this.until();
      if (until === undefined) return;
      await sleep(clock, Math.min(MAINTENANCE_CHECK_MS, until - clock.now()), signal);
    }
  }

  async #text(): Promise<string> {
    try {
      return (await this.#world.files.read(this.#path, MAINTENANCE_FILE_BYTES)).toString('utf8');
    } catch (error) {
      if (errorCode(error) !== undefined) return '';
      throw error;
    }
  }
}

/** RFC 3339, as announcements are written. */
const TIME = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

function enabledUntil(text: string): number | undefined {
  const said = parseJson(text);
  if (typeof said !== 'object' || said === null || !('enabledUntil' in said)) return undefined;
  if (typeof said.enabledUntil !== 'string' || !TIME.test(said.enabledUntil)) return undefined;
  const until = Date.parse(said.enabledUntil);
  return Number.isNaN(until) ? undefined : until;
}
