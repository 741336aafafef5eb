import { expect, test } from 'vitest';
import { StewardError } from '../../src/errors/steward-error.js';
import { sleep } from '../../src/gateways/clock.js';
import {
  EnvironmentVariable,
  PortSpec,
  StopWorkspacePolicy,
  WorkspacePhase,
} from '../../src/gen/ws-manager-api/core.js';
import { instanceId, Rig, startRequest } from './rig.js';

const ID = 'instance-1';
const envvars = [EnvironmentVariable.fromPartial({ name: 'TOKEN', value: 'hunter2' })];
/** Some hundred lives; virtual time, so that only a very slow machine needs it. */
const PATIENCE_MS = 60_000;
type Step = 'start' | 'active' | 'timeout' | 'port' | 'stop';

/** One whole life, as its user asks for it; what was answered is in `answered`. */
class Life {
  readonly answered = new Set<Step>();
  isAbandoned = false;
  readonly #rig: Rig;

  constructor(rig: Rig) {
    this.#rig = rig;
  }

  async live(): Promise<void> {
    const { rpc } = this.#rig;
    await this.#ask('start', () => rpc.startWorkspace(startRequest({ spec: { envvars } }), this.#rig.call()));
    await this.#until(WorkspacePhase.RUNNING, WorkspacePhase.STOPPING, WorkspacePhase.STOPPED);
    await this.#ask('active', () =>
      rpc.markActive({ id: ID, closed: false, ignoreIfActive: false }, this.#rig.call()),
    );
    await this.#ask('timeout', () => rpc.setTimeout({ id: ID, duration: '77m', type: 0 }, this.#rig.call()));
    const spec = PortSpec.fromPartial({ port: 80 });
    await this.#ask('port', () => rpc.controlPort({ id: ID, expose: true, spec }, this.#rig.call()));
    const policy = StopWorkspacePolicy.NORMALLY;
    await this.#ask('stop', () => rpc.stopWorkspace({ id: ID, policy }, this.#rig.call()));
    await this.#until(WorkspacePhase.STOPPED);
  }

  async #ask(step: Step, call: () => Promise<unknown>): Promise<void> {
    if (this.isAbandoned) return;
    try {
      await call();
      this.answered.add(step);
    } catch (thrown) {
      // A stop that nobody was answered may have been recorded all the same.
      if (!(thrown instanceof StewardError) || thrown.code !== 'wrong-state') throw thrown;
    }
  }

  async #until(...phases: readonly WorkspacePhase[]): Promise<void> {
    while (!this.isAbandoned) {
      const [status] = await this.#rig.statuses();
      if (status !== undefined && phases.includes(status.phase)) return;
      await sleep(this.#rig.clock, 20);
    }
  }
}

/** Lets the n-th operation on files never be heard of again; resolves when it was reached. */
function hangAt(rig: Rig, n: number): Promise<'hit'> {
  let count = 0;
  return new Promise((resolve) => {
    rig.files.faults = {
      at: () => {
        count += 1;
        if (count !== n) return undefined;
        resolve('hit');
        return { isEndless: true };
      },
    };
  });
}

/** What was answered is there after the crash. */
async function expectKept(rig: Rig, { answered }: Life): Promise<void> {
  const [status] = await rig.statuses();
  if (answered.has('start')) expect(status?.id).toBe(ID);
  if (answered.has('active')) expect(status?.conditions?.firstUserActivity).toBeDefined();
  if (answered.has('timeout')) expect(status?.spec?.timeout).toBe('1h17m0s');
  if (answered.has('port')) {
    // Nothing is reached of what has stopped.
    const isOver = status?.phase === WorkspacePhase.STOPPED;
    expect(status?.spec?.exposedPorts).toHaveLength(isOver ? 0 : 1);
    expect(rig.core.instances.get(ID).record?.settings.ports).toHaveLength(1);
  }
  if (answered.has('stop')) {
    expect(status?.phase).toBeOneOf([WorkspacePhase.STOPPING, WorkspacePhase.STOPPED]);
  }
}

test.each([
  ['kill', 3],
  ['powerCut', 1],
] as const)(
  'a %s at any operation on files loses nothing that was answered, and the life goes on to its end',
  async (crash, stride) => {
    let n = 0;
    for (let isOver = false; !isOver; ) {
      n += stride;
      const rig = new Rig(n);
      await rig.start();
      const first = new Life(rig);
      const outcome = await rig.within(Promise.race([first.live(), hangAt(rig, n)]), 600_000);
      isOver = outcome !== 'hit';
      first.isAbandoned = true;
      await rig[crash]();
      await rig.start();
      await expectKept(rig, first);

      await rig.within(new Life(rig).live(), 600_000);
      const { content, starts } = rig.node;
      if (starts.size > 0) expect(content.get(instanceId(ID))).toBe('backed-up');
      expect(rig.node.initialized.length).toBeLessThanOrEqual(1);
      expect(rig.node.starts.get(instanceId(ID)) ?? 0).toBeLessThanOrEqual(1);
      expect(rig.node.wrongs).toEqual([]);
      expect(await rig.files.list('/memory/manager')).toEqual([]);
      expect(await rig.files.list('/state/manager/set-aside')).toEqual([]);
    }
    // A life writes its record at least ten times, each time through several operations.
    expect(n).toBeGreaterThan(50);
  },
  PATIENCE_MS,
);
