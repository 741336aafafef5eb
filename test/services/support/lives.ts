import { expect, vi } from 'vitest';
import type { RowPhase } from '../../../machines/phase-relation.js';
import { WorkspaceStatus, WorkspaceType } from '../../../src/gen/ws-manager-api/core.js';
import { statusOf } from '../../bridge/support/statuses.js';
import type { DisturbedBridge } from './disturbed-bridge.js';
import type { SeenRow } from './row-reader.js';

/** How a manager's word reaches the bridge. */
export type Delivery = 'once' | 'twice' | 'never' | 'late';

const REGULAR: readonly RowPhase[] = [
  ...(['pending', 'creating', 'initializing', 'running', 'interrupted', 'running'] as const),
  ...(['running', 'stopping', 'stopping', 'stopped', 'stopped'] as const),
];
const PREBUILD = REGULAR.filter((phase) => phase !== 'interrupted');
const STATES = ['queued', 'building', 'available'];
const TIMES = ['startedTime', 'stoppingTime', 'stoppedTime'] as const;
const PATIENCE = { timeout: 40_000, interval: 50 };

interface Told {
  readonly phase: RowPhase;
  readonly status: WorkspaceStatus;
}

/** Some instances under way, the last of them a prebuild; what their manager says is the truth the rows must come to. */
export class Lives {
  readonly #site: DisturbedBridge;
  readonly #prefix: string;
  readonly #ids: readonly string[];
  readonly #history: Told[] = [];
  readonly #seen = new Map<string, SeenRow>();
  readonly #late: WorkspaceStatus[] = [];

  static async begin(site: DisturbedBridge, prefix: string, count: number): Promise<Lives> {
    const lives = new Lives(site, prefix, count);
    await lives.#makePrebuild();
    return lives;
  }

  private constructor(site: DisturbedBridge, prefix: string, count: number) {
    this.#site = site;
    this.#prefix = `${prefix}-`;
    this.#ids = Array.from({ length: count }, (_, index) => `${this.#prefix}${index}`);
  }

  get #prebuilt(): string {
    return this.#ids.at(-1) ?? '';
  }

  /** The next step of one life. */
  advance(index: number, delivery: Delivery): void {
    const { manager } = this.#site;
    const id = this.#ids[index % this.#ids.length] ?? '';
    const next = this.#next(id);
    if (next === undefined) return;
    const { status } = next;
    this.#history.push(next);
    manager.truth.set(id, status);
    if (delivery === 'late') this.#late.push(status);
    if (delivery === 'once' || delivery === 'twice') manager.deliver(status);
    if (delivery === 'twice') manager.deliver(status);
  }

  deliverLate(): void {
    for (const status of this.#late.splice(0)) this.#site.manager.deliver(status);
  }

  /** Everything once more, from the beginning. */
  rewind(): void {
    for (const { status } of this.#history) this.#site.manager.deliver(status);
  }

  /** Backwards, newest first. */
  reverse(): void {
    for (const { status } of this.#history.toReversed()) this.#site.manager.deliver(status);
  }

  /** From now on lists tell what is true now, whatever comes, until they are fresh again. */
  staleLists(): void {
    const { manager } = this.#site;
    const then = [...manager.truth.values()];
    manager.listed = () => then;
  }

  freshLists(): void {
    const { manager } = this.#site;
    manager.listed = () => manager.truth.values();
  }

  /** Looks at the rows as they are now: none has fallen back since the last look. */
  async look(): Promise<void> {
    for (const row of await this.#site.reader.rows(this.#prefix)) {
      const before = this.#seen.get(row.id);
      this.#seen.set(row.id, row);
      if (before === undefined) continue;
      expect(row.version, row.id).toBeGreaterThanOrEqual(before.version);
      for (const time of TIMES) expect(row[time], `${row.id} ${time}`).toBe(before[time] || row[time]);
      if (before.phase === 'stopped') expect(row.phase).toBe('stopped');
    }
  }

  /** Every life takes a step, whatever reaches the bridge of it. */
  advanceAll(delivery: Delivery): void {
    for (const index of this.#ids.keys()) this.advance(index, delivery);
  }

  /** The rows come to the manager's truth. */
  async rowsAreTrue(): Promise<readonly SeenRow[]> {
    const truth = this.#ids.flatMap((id) => this.#last(id) ?? []).map(rowOf);
    return vi.waitFor(async () => {
      const found = await this.#site.reader.rows(this.#prefix);
      expect(found.map(({ id, version, phase, message }) => ({ id, version, phase, message }))).toEqual(
        truth,
      );
      return found;
    }, PATIENCE);
  }

  /** Nothing disturbs any more: rows and consumers come to the manager's truth by themselves. */
  async converge(): Promise<void> {
    const { proxies, reader, consumer } = this.#site;
    this.freshLists();
    for (const proxy of proxies) proxy.heal();
    const rows = await this.rowsAreTrue();
    for (const row of rows) this.#expectOrdered(row);
    await this.look();
    await vi.waitFor(async () => {
      await consumer.caughtUp();
      const known = this.#ids.flatMap((id) => consumer.known.get(id) ?? []);
      // The version may rise without a message when nothing else has changed.
      expect(known.map(({ version, ...row }) => row)).toEqual(rows.map(({ version, ...row }) => row));
    }, PATIENCE);
    await this.#expectPrebuild();
    await vi.waitFor(async () => expect(await reader.waitingEvents()).toBe(0), PATIENCE);
  }

  #last(id: string): Told | undefined {
    return this.#history.findLast(({ status }) => status.id === id);
  }

  #next(id: string): Told | undefined {
    const told = this.#history.filter(({ status }) => status.id === id).length;
    const life = id === this.#prebuilt ? PREBUILD : REGULAR;
    const phase = life[told];
    if (phase === undefined) return undefined;
    // Beyond 2^53 doubles no longer tell them apart.
    const version = 2n ** 60n + BigInt(this.#history.length) + 1n;
    const status = statusOf({ id, version, phase, message: `v${version}`, deployed: told > 1 });
    if (id !== this.#prebuilt) return { phase, status };
    const hasSnapshot = phase === 'stopping' || phase === 'stopped';
    const prebuild = WorkspaceStatus.fromPartial({
      ...status,
      spec: { ...status.spec, type: WorkspaceType.PREBUILD },
      conditions: { ...status.conditions, snapshot: hasSnapshot ? 's@bucket' : '' },
    });
    return { phase, status: prebuild };
  }

  #expectOrdered(row: SeenRow): void {
    const { startedTime, stoppingTime, stoppedTime } = row;
    expect(row.phasePersisted).toBe(row.phase);
    if (stoppingTime !== '') expect(startedTime <= stoppingTime, row.id).toBe(true);
    if (stoppedTime !== '') expect(stoppingTime !== '' && stoppingTime <= stoppedTime, row.id).toBe(true);
    expect(stoppedTime !== '').toBe(row.phase === 'stopped');
  }

  async #makePrebuild(): Promise<void> {
    const { reader } = this.#site;
    const [id, workspace] = [this.#prebuilt, `ws-${this.#prebuilt}`];
    await reader.execute(
      `insert into d_b_workspace (id, ownerId, type, creationTime, contextURL, context, config)
        values (?, 'owner-1', 'prebuild', '2026-01-01T00:00:00.000Z', '', '{}', '{}')`,
      [workspace],
    );
    await reader.execute(
      "insert into d_b_prebuilt_workspace (id, cloneURL, `commit`, state, buildWorkspaceId) values (?, 'u', 'c', 'queued', ?)",
      [id, workspace],
    );
    const info = { id, buildWorkspaceId: workspace, projectId: 'project', branch: 'main' };
    await reader.execute('insert into d_b_prebuild_info (prebuildId, info) values (?, ?)', [
      id,
      JSON.stringify(info),
    ]);
  }

  async #expectPrebuild(): Promise<void> {
    const { reader, consumer } = this.#site;
    const id = this.#prebuilt;
    const state = stateOf(this.#last(id)?.phase);
    expect(await reader.prebuild(id)).toEqual({ state, snapshot: state === 'available' ? 's@bucket' : '' });
    await vi.waitFor(() => {
      const told = consumer.prebuilds.get(id) ?? [];
      expect(told.at(-1) ?? 'queued').toBe(state);
      const firsts = [...new Set(told)];
      expect(firsts).toEqual(STATES.filter((one) => firsts.includes(one)));
    }, PATIENCE);
  }
}

function rowOf({ phase, status: { id, statusVersion, message } }: Told) {
  return { id, version: statusVersion, phase, message };
}

function stateOf(phase: RowPhase | undefined): string {
  if (phase === 'stopped') return 'available';
  return phase === 'running' || phase === 'stopping' ? 'building' : 'queued';
}
