import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { StewardError, toStewardError } from '../../src/errors/steward-error.js';
import { PortSpec, StopWorkspacePolicy, WorkspacePhase } from '../../src/gen/ws-manager-api/core.js';
import { readAnswersTable } from '../support/answers-table.js';
import { Rig, startRequest } from './rig.js';

/** The table of docs/manager-answers.md, tried cell by cell. */
const ID = 'instance-1';
const NEVER_MS = 1_000_000_000;

describe.each(readAnswersTable('manager-answers.md'))('an instance that is $state', ({ state, answers }) => {
  it.each(answers)('answers $call with $answer', async ({ call, answer }) => {
    const rig = await reached(state);
    const before = rig.clock.now();
    const outcome = await rig.within(perform(rig, call));
    expect(outcome).toBe(answer.replace('waits → ', ''));
    expect(rig.clock.now() > before).toBe(answer.startsWith('waits'));
  });
});

async function reached(state: string): Promise<Rig> {
  const rig = new Rig();
  await rig.start();
  if (state === 'unknown') return rig;
  if (state === 'creating') rig.node.fault = () => Promise.reject(new StewardError('unavailable', 'gone'));
  if (state === 'initializing') rig.node.setUpMs = NEVER_MS;
  if (state === 'stopped because it failed')
    rig.node.initFailure = new StewardError('git-failed', 'no branch');
  await rig.within(rig.rpc.startWorkspace(startRequest(), rig.call()));
  await rig.until(ID, ({ phase, message }) => {
    switch (state) {
      case 'creating':
        return phase === WorkspacePhase.CREATING;
      case 'initializing':
        return phase === WorkspacePhase.INITIALIZING;
      case 'stopped because it failed':
        return phase === WorkspacePhase.STOPPED;
      default:
        return phase === WorkspacePhase.RUNNING && message === '';
    }
  });
  await fromRunning(rig, state);
  return rig;
}

async function fromRunning(rig: Rig, state: string): Promise<void> {
  switch (state) {
    case 'creating':
    case 'initializing':
    case 'running':
    case 'stopped because it failed':
      return;
    case 'running, under maintenance':
      return rig.core.maintenance.set(rig.clock.now() + NEVER_MS);
    case 'stopping, its command still runs':
      rig.node.ignoresTerm = true;
      await rig.within(rig.rpc.stopWorkspace({ id: ID, policy: StopWorkspacePolicy.NORMALLY }, rig.call()));
      return;
    case 'stopping, its backup fails':
      rig.node.backupFailure = new StewardError('backup-failed', 'the storage is full');
      await rig.within(rig.rpc.stopWorkspace({ id: ID, policy: StopWorkspacePolicy.NORMALLY }, rig.call()));
      await rig.until(ID, ({ message }) => message !== '');
      return;
    case 'stopped':
      await rig.within(rig.rpc.stopWorkspace({ id: ID, policy: StopWorkspacePolicy.NORMALLY }, rig.call()));
      await rig.until(ID, ({ phase }) => phase === WorkspacePhase.STOPPED);
      return;
    default:
      throw new Error(`docs/manager-answers.md has a state this test cannot reach: ${state}`);
  }
}

async function perform(rig: Rig, call: string): Promise<string> {
  try {
    await answered(rig, call);
    return 'OK';
  } catch (thrown) {
    return status[toStewardError(thrown).entry.status];
  }
}

function answered(rig: Rig, call: string): Promise<unknown> {
  const { rpc } = rig;
  switch (call) {
    case 'Start, same request':
      return rpc.startWorkspace(startRequest(), rig.call());
    case 'Start, another request':
      return rpc.startWorkspace(startRequest({ spec: { workspaceImage: 'another' } }), rig.call());
    case 'Start, same workspace':
      return rpc.startWorkspace(startRequest({ id: 'instance-2' }), rig.call());
    case 'Stop':
      return rpc.stopWorkspace({ id: ID, policy: StopWorkspacePolicy.NORMALLY }, rig.call());
    case 'Describe':
      return rpc.describeWorkspace({ id: ID }, rig.call());
    case 'MarkActive':
      return rpc.markActive({ id: ID, closed: false, ignoreIfActive: false }, rig.call());
    case 'SetTimeout':
      return rpc.setTimeout({ id: ID, duration: '1h', type: 0 }, rig.call());
    case 'ControlPort': {
      const spec = PortSpec.fromPartial({ port: 80 });
      return rpc.controlPort({ id: ID, expose: true, spec }, rig.call());
    }
    case 'ControlAdmission':
      return rpc.controlAdmission({ id: ID, level: 1 }, rig.call());
    case 'UpdateSSHKey':
      return rpc.updateSshKey({ id: ID, keys: ['ssh-ed25519 AAAA'] }, rig.call());
    case 'TakeSnapshot':
      return rpc.takeSnapshot({ id: ID, returnImmediately: false }, rig.call());
    default:
      throw new Error(`docs/manager-answers.md has a call this test cannot make: ${call}`);
  }
}
