import { join } from 'node:path';
import { z } from 'zod';
import { isOwnerId, isWorkspaceId, type OwnerId, type WorkspaceId } from '../../../machines/ids.js';
import { parseJson } from '../../config/parse-json.js';
import { replaceDurably } from '../../gateways/durable.js';
import type { World } from '../../gateways/world.js';
import type { WorkingArea } from '../area.js';
import { DRILL_FILE_BYTES, DRILL_REASON_CHARACTERS_MAX, DRILLS_KEPT_MAX } from '../bounds.js';
import type { DrillRecord } from '../rpc/steward/options.js';

const owner = z.custom<OwnerId>((value) => typeof value === 'string' && isOwnerId(value));
const workspace = z.custom<WorkspaceId>((value) => typeof value === 'string' && isWorkspaceId(value));
const count = z.number().nonnegative();

const drill = z.strictObject({
  owner,
  workspace,
  generation: count,
  startedAtMs: z.number(),
  durationMs: count,
  outcome: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('proven'), entries: count, bytes: count }),
    z.strictObject({ kind: z.literal('restored'), why: z.string() }),
    z.strictObject({ kind: z.literal('failed'), code: z.string(), why: z.string() }),
  ]),
});

const file = z.strictObject({
  nextAtMs: z.number().optional(),
  after: z.string().optional(),
  drills: z.array(drill),
});

/** What drills found, newest first and on disk, and when the next one is due: a restart repeats none. */
export class DrillLog {
  readonly #world: Pick<World, 'files' | 'clock'>;
  readonly #path: string;
  #drills: readonly DrillRecord[] = [];
  #nextAtMs: number | undefined;
  #after: string | undefined;

  private constructor(world: Pick<World, 'files' | 'clock'>, path: string) {
    this.#world = world;
    this.#path = path;
  }

  /** What cannot be read is kept beside the records that cannot; `onUnreadable` gets where. */
  static async open(
    world: Pick<World, 'files' | 'clock'>,
    area: WorkingArea,
    onUnreadable: (keptAt: string) => void,
  ): Promise<DrillLog> {
    const log = new DrillLog(world, join(area.root, 'drills.json'));
    if ((await world.files.stat(log.#path)) === undefined) return log;
    const bytes = await world.files.read(log.#path, DRILL_FILE_BYTES);
    const found = file.safeParse(parseJson(bytes.toString('utf8')));
    if (found.success) {
      log.#drills = found.data.drills;
      log.#nextAtMs = found.data.nextAtMs;
      log.#after = found.data.after;
      return log;
    }
    const keptAt = join(area.setAside, `drills.${world.clock.now()}.json`);
    await world.files.rename(log.#path, keptAt);
    onUnreadable(keptAt);
    return log;
  }

  get nextAtMs(): number | undefined {
    return this.#nextAtMs;
  }

  /** How far drills have come among the workspaces that only the storage knows; undefined: they begin. */
  get after(): string | undefined {
    return this.#after;
  }

  list(): readonly DrillRecord[] {
    return this.#drills;
  }

  /** Durable when it resolves. */
  async add(record: DrillRecord, nextAtMs: number, after: string | undefined): Promise<void> {
    await this.#write([shortened(record), ...this.#drills].slice(0, DRILLS_KEPT_MAX), nextAtMs, after);
  }

  async schedule(nextAtMs: number, after: string | undefined): Promise<void> {
    await this.#write(this.#drills, nextAtMs, after);
  }

  async #write(drills: readonly DrillRecord[], nextAtMs: number, after: string | undefined): Promise<void> {
    const text = JSON.stringify({ nextAtMs, after, drills });
    await replaceDurably(this.#world.files, this.#path, `${this.#path}.tmp`, `${text}\n`);
    this.#drills = drills;
    this.#nextAtMs = nextAtMs;
    this.#after = after;
  }
}

function shortened(record: DrillRecord): DrillRecord {
  const { outcome } = record;
  if (outcome.kind === 'proven') return record;
  return { ...record, outcome: { ...outcome, why: outcome.why.slice(0, DRILL_REASON_CHARACTERS_MAX) } };
}
