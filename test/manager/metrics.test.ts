import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { StewardError } from '../../src/errors/steward-error.js';
import { StopWorkspacePolicy, WorkspacePhase, WorkspaceType } from '../../src/gen/ws-manager-api/core.js';
import { instanceId, Rig, startRequest } from './rig.js';

const PREFIX = 'gitpod_ws_manager_mk2_workspace_';
const REGULAR = 'type="Regular",class="g1-standard"';

async function until(rig: Rig, id: string, wanted: WorkspacePhase): Promise<void> {
  await rig.until(id, ({ phase }) => phase === wanted);
}

async function run(rig: Rig, id: string, type: WorkspaceType = WorkspaceType.REGULAR): Promise<void> {
  await rig.within(rig.rpc.startWorkspace(startRequest({ id, type, metadata: { metaId: id } }), rig.call()));
}

async function linesOf(rig: Rig): Promise<string[]> {
  return (await rig.registry.metrics()).split('\n');
}

test('every metric is on its page, and every one of the page is served', async () => {
  const rig = new Rig();
  await rig.start();
  const served = (await rig.registry.metrics()).matchAll(/^# TYPE (\S+) (\S+)$/gm);
  const page = readFileSync(join(import.meta.dirname, '../../docs/manager-metrics.md'), 'utf8');
  const documented = page.matchAll(/^\| `([a-z_0-9]+)` \| (\w+) \|/gm);
  const named = (all: Iterable<RegExpMatchArray>) =>
    [...all].map(([, name, type]) => `${name} ${type}`).sort();
  expect(named(served).filter((one) => !one.startsWith('grpc_'))).toEqual(named(documented));
});

test('lives are counted by how they began and ended', async () => {
  const rig = new Rig();
  await rig.start();
  await run(rig, 'stopped');
  await until(rig, 'stopped', WorkspacePhase.RUNNING);
  await rig.within(rig.rpc.markActive({ id: 'stopped', closed: true, ignoreIfActive: false }, rig.call()));
  await rig.within(
    rig.rpc.stopWorkspace({ id: 'stopped', policy: StopWorkspacePolicy.NORMALLY }, rig.call()),
  );
  await until(rig, 'stopped', WorkspacePhase.STOPPED);
  await run(rig, 'headless', WorkspaceType.PREBUILD);
  await until(rig, 'headless', WorkspacePhase.RUNNING);
  rig.node.end(instanceId('headless'), 0);
  await until(rig, 'headless', WorkspacePhase.STOPPED);
  rig.node.initFailure = new StewardError('git-failed', 'no such branch');
  await run(rig, 'failed');
  await until(rig, 'failed', WorkspacePhase.STOPPED);
  rig.node.initFailure = undefined;
  await run(rig, 'used');
  await until(rig, 'used', WorkspacePhase.RUNNING);
  await rig.within(rig.rpc.markActive({ id: 'used', closed: false, ignoreIfActive: false }, rig.call()));
  await rig.core.maintenance.set(rig.clock.now() + 1_000);

  expect(await linesOf(rig)).toEqual(
    expect.arrayContaining([
      `${PREFIX}starts_total{${REGULAR}} 2`,
      `${PREFIX}starts_total{type="Prebuild",class="g1-standard"} 1`,
      `${PREFIX}starts_failure_total{${REGULAR}} 1`,
      `${PREFIX}failure_total{${REGULAR}} 1`,
      `${PREFIX}backups_total{${REGULAR}} 1`,
      `${PREFIX}startup_seconds_bucket{le="2",${REGULAR}} 2`,
      `${PREFIX}pending_seconds_count{${REGULAR}} 3`,
      `${PREFIX}creating_seconds_count{${REGULAR}} 3`,
      `${PREFIX}stops_total{${REGULAR},reason="tab-closed"} 1`,
      `${PREFIX}stops_total{${REGULAR},reason="start-failure"} 1`,
      `${PREFIX}stops_total{type="Prebuild",class="g1-standard",reason="regular-stop"} 1`,
      `${PREFIX}phase_total{${REGULAR},phase="running"} 1`,
      `${PREFIX}phase_total{${REGULAR},phase="stopped"} 2`,
      `${PREFIX}activity_total{active="true"} 1`,
      `${PREFIX}activity_total{active="false"} 0`,
      'gitpod_ws_manager_mk2_maintenance_enabled 1',
    ]),
  );
});
