import type { OwnerId, WorkspaceId } from '../../../machines/ids.js';
import type { BackupRepository } from '../../content/backups.js';
import type { BackupManifest } from '../../content/manifest.js';
import type { Proof } from '../../content/proof.js';
import { toStewardError } from '../../errors/steward-error.js';
import { sleep } from '../../gateways/clock.js';
import type { World } from '../../gateways/world.js';
import type { ObjectName } from '../../storage/object-storage.js';
import { DRILL_CANDIDATES_MAX, DRILL_RETRY_MS } from '../bounds.js';
import type { StoredWorkspace } from '../housekeeping/stored.js';
import { behind, keyOf, type StoredPage } from '../housekeeping/stored-page.js';
import type { DrillHistory, DrillRecord } from '../rpc/steward/options.js';
import type { DrillLog } from './drill-log.js';

export interface DrillsListener {
  drilled(record: DrillRecord): void;
  /** There was no room to restore it. */
  skipped(workspace: StoredWorkspace, why: string): void;
  /** Not even a backup could be chosen, or its outcome not be written. */
  failed(error: unknown): void;
}

export interface DrillsOptions {
  readonly world: Pick<World, 'clock' | 'random'>;
  readonly log: DrillLog;
  /** Between two drills; 0: there are none. */
  readonly periodMs: number;
  /** Those this node has to do with, or had until lately. */
  readonly workspaces: () => readonly StoredWorkspace[];
  /** Some of those that the storage holds backups of, behind that name. */
  readonly stored: (after: ObjectName | undefined, signal: AbortSignal) => Promise<StoredPage>;
  readonly backupsOf: (owner: OwnerId, workspace: WorkspaceId) => Pick<BackupRepository, 'latest' | 'prove'>;
  /** Why there is no room for so many bytes; undefined when there is. */
  readonly noRoomFor: (bytes: number) => Promise<string | undefined>;
  /** In its turn, in a folder of its own that is gone afterwards. */
  readonly inScratch: <Result>(
    work: (folder: string, signal: AbortSignal) => Promise<Result>,
    signal: AbortSignal,
  ) => Promise<Result>;
  readonly listener: DrillsListener;
}

/**
 * Proves backups by restoring them, one at a time and one in each period, always the newest of a workspace: in turn of
 * one that this node has to do with, that whose last proof is oldest, and of one that only the storage knows, in the
 * order of their names. A backup that does not restore is known before somebody needs it.
 */
export class Drills implements DrillHistory {
  readonly #options: DrillsOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: DrillsOptions) {
    this.#options = options;
  }

  get nextAtMs(): number | undefined {
    return this.#options.periodMs === 0 ? undefined : this.#options.log.nextAtMs;
  }

  list(): readonly DrillRecord[] {
    return this.#options.log.list();
  }

  start(): void {
    if (this.#options.periodMs > 0) this.#running = this.#run(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the daemon is stopping'));
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options.world;
    while (!signal.aborted) {
      try {
        await sleep(clock, Math.max(0, (await this.#due()) - clock.now()), signal);
        await this.#drill(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#options.listener.failed(error);
        await sleep(clock, DRILL_RETRY_MS, signal).catch(() => undefined);
      }
    }
  }

  /** Nodes that were set up together do not drill together. A schedule far ahead is a clock that was set back. */
  async #due(): Promise<number> {
    const { world, log, periodMs } = this.#options;
    const now = world.clock.now();
    const { nextAtMs } = log;
    if (nextAtMs !== undefined && nextAtMs <= now + periodMs) return nextAtMs;
    const due = now + periodMs * world.random.fraction();
    await log.schedule(due, log.after);
    return due;
  }

  async #drill(signal: AbortSignal): Promise<void> {
    const { world, log, periodMs, listener } = this.#options;
    const { record, after } = await this.#prove(signal);
    signal.throwIfAborted();
    if (record === undefined) return log.schedule(world.clock.now() + periodMs, after);
    const pauseMs = record.outcome.kind === 'failed' ? Math.min(periodMs, DRILL_RETRY_MS) : periodMs;
    await log.add(record, world.clock.now() + pauseMs, after);
    listener.drilled(record);
  }

  /** No record when no workspace has a backup that there is room for. */
  async #prove(signal: AbortSignal): Promise<Proven> {
    const { log } = this.#options;
    const [last] = this.list();
    const here = new Set(this.#options.workspaces().map(keyOf));
    if (last !== undefined && here.has(keyOf(last))) {
      const proven = await this.#proveStored(here, signal).catch((error: unknown) =>
        this.#noneOf(error, signal),
      );
      if (proven.record !== undefined) return proven;
      return { record: await this.#proveFirst(this.#here(), signal), after: proven.after };
    }
    const record = await this.#proveFirst(this.#here(), signal);
    return record === undefined ? this.#proveStored(here, signal) : { record, after: log.after };
  }

  /** One behind the last one, and from the beginning when there is none. */
  async #proveStored(here: ReadonlySet<string>, signal: AbortSignal): Promise<Proven> {
    const { log, stored, world } = this.#options;
    // Nodes that begin do not all begin with the same one.
    const begin = log.after ?? world.random.uuid();
    const page = await stored(begin, signal);
    const isOver = page.workspaces.length === 0 && page.next === undefined;
    const { workspaces, next } = isOver ? await stored(undefined, signal) : page;
    for (const candidate of workspaces) {
      if (here.has(keyOf(candidate))) continue;
      const record = await this.#proveOne(candidate, signal);
      if (record !== undefined) return { record, after: behind(candidate) };
    }
    return { record: undefined, after: next };
  }

  /** A storage that does not say what it holds keeps nobody from proving what is known here. */
  #noneOf(error: unknown, signal: AbortSignal): Proven {
    signal.throwIfAborted();
    this.#options.listener.failed(error);
    return { record: undefined, after: this.#options.log.after };
  }

  async #proveFirst(
    candidates: readonly StoredWorkspace[],
    signal: AbortSignal,
  ): Promise<DrillRecord | undefined> {
    for (const candidate of candidates) {
      const record = await this.#proveOne(candidate, signal);
      if (record !== undefined) return record;
    }
    return undefined;
  }

  async #proveOne(of: StoredWorkspace, signal: AbortSignal): Promise<DrillRecord | undefined> {
    const { world, backupsOf, noRoomFor, inScratch, listener } = this.#options;
    const startedAtMs = world.clock.now();
    const start = world.clock.monotonic();
    const told = (generation: number, outcome: DrillRecord['outcome']): DrillRecord => {
      const durationMs = Math.round(world.clock.monotonic() - start);
      return { ...of, generation, startedAtMs, durationMs, outcome };
    };
    let manifest: BackupManifest | undefined;
    try {
      const backups = backupsOf(of.owner, of.workspace);
      const newest = await backups.latest(signal);
      if (newest === undefined) return undefined;
      manifest = newest;
      const noRoom = await noRoomFor(bytesOf(newest));
      if (noRoom !== undefined) {
        listener.skipped(of, noRoom);
        return undefined;
      }
      const proof = await inScratch(
        (folder, inTurn) => backups.prove(newest, folder, { signal: inTurn }),
        signal,
      );
      return told(newest.generation, outcomeOf(proof));
    } catch (error) {
      signal.throwIfAborted();
      const { code, message } = toStewardError(error);
      return told(manifest?.generation ?? 0, { kind: 'failed', code, why: message });
    }
  }

  /** Of those this node has to do with: the one whose last proof is oldest first. */
  #here(): readonly StoredWorkspace[] {
    const last = new Map<string, number>();
    for (const { owner, workspace, startedAtMs } of [...this.list()].reverse()) {
      last.set(keyOf({ owner, workspace }), startedAtMs);
    }
    const age = (of: StoredWorkspace) => last.get(keyOf(of)) ?? 0;
    const known = this.#options.workspaces().map(({ owner, workspace }) => ({ owner, workspace }));
    return known.sort((one, other) => age(one) - age(other)).slice(0, DRILL_CANDIDATES_MAX);
  }
}

interface Proven {
  readonly record: DrillRecord | undefined;
  /** How far drills have come among the workspaces that only the storage knows. */
  readonly after: ObjectName | undefined;
}

/** What it takes on a disk, as far as its manifest tells. */
function bytesOf({ tree, parts }: BackupManifest): number {
  return tree?.bytes ?? parts.reduce((sum, { contentBytes }) => sum + contentBytes, 0);
}

function outcomeOf(proof: Proof): DrillRecord['outcome'] {
  switch (proof.kind) {
    case 'proven':
      return { kind: 'proven', entries: proof.tree.entries, bytes: proof.tree.bytes };
    case 'restored':
      return proof;
    case 'different':
      return {
        kind: 'failed',
        code: 'archive-damaged',
        why: `it restores, but not what was there: ${proof.why}`,
      };
  }
}
