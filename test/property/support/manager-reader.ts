import { expect } from 'vitest';
import type { InstanceId } from '../../../machines/ids.js';
import {
  AdmissionLevel,
  WorkspaceConditionBool,
  WorkspacePhase,
  type WorkspaceStatus,
} from '../../../src/gen/ws-manager-api/core.js';
import { instanceId, type Rig } from '../../manager/rig.js';
import { ExpectedInstance } from './manager-model.js';

const { PENDING, CREATING, INITIALIZING, RUNNING, STOPPING, STOPPED } = WorkspacePhase;
const { TRUE } = WorkspaceConditionBool;

/** Written by hand from the specification: which phase may be told after which, whatever was skipped. */
const MAY_FOLLOW: Readonly<Record<number, readonly WorkspacePhase[]>> = {
  [PENDING]: [PENDING, CREATING, INITIALIZING, RUNNING, STOPPING, STOPPED],
  [CREATING]: [CREATING, INITIALIZING, RUNNING, STOPPING, STOPPED],
  [INITIALIZING]: [INITIALIZING, RUNNING, STOPPING, STOPPED],
  [RUNNING]: [RUNNING, STOPPING, STOPPED],
  [STOPPING]: [STOPPING, STOPPED],
  [STOPPED]: [STOPPED],
};

/** What a careful reader of the statuses remembers, and what it must never see. */
export class Reader {
  readonly #last = new Map<string, WorkspaceStatus>();
  readonly #stopAnswered = new Map<string, 'asked' | 'aborted'>();
  readonly #expected = new Map<string, ExpectedInstance>();
  readonly #rig: Rig;
  /** When the manager came up last. */
  #upSince: number;
  #fitSince = Number.NEGATIVE_INFINITY;
  #maintainedUntil = Number.NEGATIVE_INFINITY;

  constructor(rig: Rig) {
    this.#rig = rig;
    this.#upSince = rig.clock.now();
  }

  /** From now on records can be written again; what could not be is tried again within a while. */
  diskIsMended(): void {
    this.#fitSince = Math.max(this.#fitSince, this.#rig.clock.now() + RETRIED_WITHIN_MS);
  }

  /** Nothing times out before; what was due then is looked at within a minute. */
  maintainedUntil(until: number): void {
    this.#maintainedUntil = until;
    this.#fitSince = Math.max(this.#fitSince, until + LOOKED_WITHIN_MS);
  }

  get isMaintained(): boolean {
    return this.#rig.clock.now() < this.#maintainedUntil;
  }

  managerIsUp(): void {
    this.#upSince = this.#rig.clock.now();
  }

  started(name: string, headless: boolean): void {
    if (!this.#expected.has(name)) {
      this.#expected.set(name, new ExpectedInstance(this.#rig.clock.now(), headless));
    }
  }

  /** What an answered call has changed. */
  changed(name: string, change: (expected: ExpectedInstance) => void): void {
    const expected = this.#expected.get(name);
    if (expected === undefined) throw new Error(`${name} was never started`);
    change(expected);
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
      if (before.conditions?.timeout) expect(status.conditions?.timeout).toBe(before.conditions.timeout);
    }
    const answered = this.#stopAnswered.get(status.id);
    if (answered !== undefined) expect(status.phase).toBeOneOf([STOPPING, STOPPED]);
    if (status.phase === STOPPED) this.#checkEnd(status);
    else expect(status.conditions?.finalBackupComplete).not.toBe(TRUE);
    const expected = this.#expected.get(status.id);
    if (expected !== undefined) this.#checkSettings(status, expected);
    if (expected !== undefined) this.#checkTime(status, before, expected);
    this.#last.set(status.id, status);
  }

  #checkSettings({ phase, spec, auth, conditions }: WorkspaceStatus, expected: ExpectedInstance): void {
    // Nothing is reached of what has stopped.
    const ports = phase === STOPPED ? [] : expected.ports;
    expect(spec?.exposedPorts.map(({ port }) => port)).toEqual(ports);
    expect(auth?.admission === AdmissionLevel.ADMIT_EVERYONE).toBe(expected.everyone);
    expect(conditions?.firstUserActivity?.getTime()).toBe(expected.firstActivity);
  }

  #checkTime(status: WorkspaceStatus, before: WorkspaceStatus | undefined, expected: ExpectedInstance): void {
    const now = this.#rig.clock.now();
    const phase = PHASES.get(status.phase);
    if (phase !== undefined && !this.#rig.isDiskFull && now > this.#fitSince)
      expect(expected.isOverdue(phase, this.#upSince, now)).toBe(false);
    const isNew = status.conditions?.timeout !== '' && before?.conditions?.timeout === '';
    if (isNew && before.phase !== STOPPING) expect(expected.isTooEarly(now)).toBe(false);
    if (isNew) expect(this.isMaintained).toBe(false);
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

/** While there is maintenance it is looked every minute whether it is over. */
const LOOKED_WITHIN_MS = 65_000;

/** Parked instances are tried again every five minutes, and then write what is due. */
const RETRIED_WITHIN_MS = 6 * 60_000;

const PHASES = new Map<WorkspacePhase, 'pending' | 'starting' | 'running'>([
  [PENDING, 'pending'],
  [CREATING, 'starting'],
  [INITIALIZING, 'starting'],
  [RUNNING, 'running'],
]);
