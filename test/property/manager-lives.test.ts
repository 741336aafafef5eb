import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import type { InstanceId } from '../../machines/ids.js';
import { StewardError } from '../../src/errors/steward-error.js';
import {
  EnvironmentVariable,
  StopWorkspacePolicy,
  WorkspaceConditionBool,
  WorkspacePhase,
  type WorkspaceStatus,
  WorkspaceType,
} from '../../src/gen/ws-manager-api/core.js';
import { instanceId, Rig, startRequest } from '../manager/rig.js';

const { PENDING, CREATING, INITIALIZING, RUNNING, STOPPING, STOPPED } = WorkspacePhase;
const { TRUE } = WorkspaceConditionBool;
const IDS = ['a', 'b', 'c'];

/** Written by hand from the specification: which phase may be told after which, whatever was skipped. */
const MAY_FOLLOW: Readonly<Record<number, readonly WorkspacePhase[]>> = {
  [PENDING]: [PENDING, CREATING, INITIALIZING, RUNNING, STOPPING, STOPPED],
  [CREATING]: [CREATING, INITIALIZING, RUNNING, STOPPING, STOPPED],
  [INITIALIZING]: [INITIALIZING, RUNNING, STOPPING, STOPPED],
  [RUNNING]: [RUNNING, STOPPING, STOPPED],
  [STOPPING]: [STOPPING, STOPPED],
  [STOPPED]: [STOPPED],
};

const id = fc.constantFrom(...IDS);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('start' as const), id, headless: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('stop' as const), id, policy: fc.constantFrom(0, 1, 2) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 400 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('end' as const), id, code: fc.constantFrom(0, 1, 137) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('kill' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('power-cut' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('faults' as const), share: fc.constantFrom(0, 0.3, 1) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('storage' as const), fails: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stubborn' as const), ignoresTerm: fc.boolean() }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** What a careful reader of the statuses remembers, and what it must never see. */
class Reader {
  readonly #last = new Map<string, WorkspaceStatus>();
  readonly #stopAnswered = new Map<string, 'asked' | 'aborted'>();
  readonly #rig: Rig;

  constructor(rig: Rig) {
    this.#rig = rig;
  }

  stopAnswered(name: string, isAbort: boolean): void {
    if (this.#last.get(name)?.phase === STOPPED) return;
    const before = this.#stopAnswered.get(name);
    this.#stopAnswered.set(name, isAbort || before === 'aborted' ? 'aborted' : 'asked');
  }

  async look(): Promise<void> {
    for (const status of await this.#rig.statuses()) this.#check(status);
  }

  #check(status: WorkspaceStatus): void {
    const before = this.#last.get(status.id);
    if (before !== undefined) {
      expect(MAY_FOLLOW[before.phase]).toContain(status.phase);
      expect(status.statusVersion >= before.statusVersion).toBe(true);
      if (status.statusVersion === before.statusVersion) expect(status).toEqual(before);
      if (before.conditions?.failed) expect(status.conditions?.failed).toBe(before.conditions.failed);
    }
    const answered = this.#stopAnswered.get(status.id);
    if (answered !== undefined) expect(status.phase).toBeOneOf([STOPPING, STOPPED]);
    if (status.phase === STOPPED) this.#checkEnd(status);
    else expect(status.conditions?.finalBackupComplete).not.toBe(TRUE);
    this.#last.set(status.id, status);
  }

  #checkEnd({ id: name, conditions }: WorkspaceStatus): void {
    const { content, runs } = this.#rig.node;
    const instance = instanceId(name);
    expect(runs.get(instance)?.state).not.toBe('running');
    expect(content.get(instance)).not.toBeOneOf(['available', 'setting-up']);
    if (conditions?.finalBackupComplete === TRUE) expect(content.get(instance)).toBe('backed-up');
    if (content.get(instance) === 'discarded' && this.#wasReady(instance))
      expect(conditions?.aborted).toBe(TRUE);
  }

  #wasReady(instance: InstanceId): boolean {
    return (this.#rig.node.starts.get(instance) ?? 0) > 0;
  }
}

async function doStep(rig: Rig, reader: Reader, step: Step): Promise<void> {
  switch (step.kind) {
    case 'start': {
      const type = step.headless ? WorkspaceType.PREBUILD : WorkspaceType.REGULAR;
      const envvars = [EnvironmentVariable.fromPartial({ name: 'TOKEN', value: 'secret' })];
      const request = startRequest({
        id: step.id,
        type,
        metadata: { metaId: `w-${step.id}` },
        spec: { envvars },
      });
      await rig.within(rig.rpc.startWorkspace(request, rig.call())).catch(onlyStewardErrors);
      return;
    }
    case 'stop': {
      const known = (await rig.statuses()).some((status) => status.id === step.id);
      await rig.within(
        rig.rpc.stopWorkspace({ id: step.id, policy: step.policy as StopWorkspacePolicy }, rig.call()),
      );
      if (known) reader.stopAnswered(step.id, step.policy === StopWorkspacePolicy.ABORT);
      return;
    }
    case 'wait':
      return rig.clock.advance(step.ms);
    case 'end':
      return rig.node.end(instanceId(step.id), step.code);
    case 'kill':
      await rig.kill();
      return rig.start();
    case 'power-cut':
      await rig.powerCut();
      return rig.start();
    case 'faults':
      rig.node.fault = async () => {
        if (rig.random.isHit(step.share)) throw new StewardError('unavailable', 'the daemon restarts');
      };
      return;
    case 'storage':
      rig.node.backupFailure = step.fails ? new StewardError('backup-failed', 'no storage') : undefined;
      return;
    case 'stubborn':
      rig.node.ignoresTerm = step.ignoresTerm;
      return;
  }
}

function onlyStewardErrors(thrown: unknown): void {
  if (!(thrown instanceof StewardError)) throw thrown;
}

test.prop([fc.integer(), fc.array(step, { minLength: 1, maxLength: 25 })], { numRuns: 150 })(
  'whatever happens, statuses tell the truth, and everything stops when asked to',
  async (seed, steps) => {
    const rig = new Rig(seed);
    const reader = new Reader(rig);
    await rig.start();
    for (const one of steps) {
      await doStep(rig, reader, one);
      await reader.look();
    }

    rig.node.fault = async () => undefined;
    rig.node.backupFailure = undefined;
    for (const { id: name } of await rig.statuses()) {
      await doStep(rig, reader, { kind: 'stop', id: name, policy: 0 });
    }
    for (let round = 0; round < 100; round += 1) {
      await rig.clock.advance(10_000);
      await reader.look();
      if ((await rig.statuses()).every(({ phase }) => phase === STOPPED)) break;
    }
    expect((await rig.statuses()).map(({ phase }) => phase)).toEqual(
      (await rig.statuses()).map(() => STOPPED),
    );
    expect(rig.node.wrongs).toEqual([]);
    expect([...rig.node.starts.values()].filter((starts) => starts > 1)).toEqual([]);
    expect(await rig.files.list('/memory/manager')).toEqual([]);
    expect(await rig.files.list('/state/manager/set-aside')).toEqual([]);
  },
);
