import type { Follower } from '../../../src/bridge/clusters/fleet.js';
import { WorkspacePhase } from '../../../src/gen/ws-manager-api/core.js';
import type { InstanceRow } from '../../bridge/support/pipeline-harness.js';
import { isForced, untruthOf, untruthOfPrebuild } from '../../bridge/support/row-truth.js';
import type { BridgeLife } from './bridge-life.js';
import type { BridgeRun } from './run.js';
import { CONTROLLER_MS } from './settings.js';

/** Virtual time in which everything comes to rest once nothing fails any more. */
const CONVERGE_MS = 180_000;
/** Nothing that waits at a bridge is left then; more timers than that nobody needs. */
const TIMERS_MAX = 16;
const TIMERS_EACH_MAX = 8;

/** Faults stop, and within a stated time the rows say what is true, and go on to. */
export async function finish(run: BridgeRun): Promise<void> {
  run.log('from here on nothing fails');
  heal(run);
  const until = run.now + CONVERGE_MS;
  let problems = problemsOf(run);
  for (let calm = 0; run.now < until && calm < 2 && run.broken === undefined; ) {
    resume(run);
    await run.pass(CONTROLLER_MS);
    problems = problemsOf(run);
    calm = problems.length === 0 ? calm + 1 : 0;
  }
  run.require(8, problems.length === 0, problems.join('; '));
  if (run.broken !== undefined) return;
  if (run.random.isHit(0.3)) await startAgain(run);
}

function heal(run: BridgeRun): void {
  run.trouble.end();
  for (const manager of run.managers.values()) manager.heal();
  for (const life of run.lives) {
    life.disarm();
    run.wake(life);
  }
}

/** Somebody looks after alarms, and after bridges that did not come up. */
function resume(run: BridgeRun): void {
  for (const life of run.awake) {
    // One that is not to share and has lost its lease never writes again.
    if (run.settings.mode === 'alone' && life.core.keeper.lease === undefined) life.kill();
  }
  if (run.lives.every(({ isDead }) => isDead)) run.startBridge();
  for (const { core } of run.awake) {
    for (const cluster of core.following.fleet.all) {
      if (cluster.link.alarm.raised !== undefined) cluster.resume();
      if (cluster.link.fallen > 0 && core.keeper.lease !== undefined) forgetVersions(run, cluster);
    }
    for (const loop of Object.values(core.following.rowLoops)) {
      if (loop.alarm.raised !== undefined) loop.resume();
    }
  }
}

function forgetVersions(run: BridgeRun, cluster: Follower): void {
  if (run.isForgetting) return;
  run.log(`the rows of ${cluster.link.cluster.name} are to forget their versions`);
  run.isForgetting = true;
  const forgetting = cluster.resetVersions(false, new AbortController().signal).finally(() => {
    run.isForgetting = false;
  });
  run.wait('that versions are forgotten', forgetting, undefined);
}

/** Nothing is changed or told by a bridge that comes up when all is said. */
async function startAgain(run: BridgeRun): Promise<void> {
  const before = run.watch.seen.text;
  for (const life of run.awake) run.stopBridge(life);
  await run.pass(CONTROLLER_MS);
  const left = [...run.pending].map(({ name }) => name);
  run.require(7, left.length === 0, `has no end: ${left.join(', ')}`);
  run.startBridge();
  await run.pass(CONTROLLER_MS);
  const problems = problemsOf(run);
  run.require(8, problems.length === 0, problems.join('; '));
  const isSame = before === run.watch.seen.text;
  run.require('bridge', isSame, 'a bridge that came up when all was said has changed something');
}

function problemsOf(run: BridgeRun): string[] {
  const writers = run.awake.filter((life) => life.core.keeper.lease !== undefined);
  return [
    ...[...run.pending].map(({ name }) => `has no end: ${name}`),
    ...(writers.length === 1 ? [] : [`rule 14: ${writers.length} bridges may write`]),
    ...[...run.watch.rows.values()].flatMap((row) => untrue(run, row)),
    ...missing(run),
    ...(run.watch.seen.outbox.size === 0 ? [] : [`rule 6: ${run.watch.seen.outbox.size} events wait`]),
    ...run.consumer.ignorance(),
    ...run.awake.flatMap((life) => unrest(run, life)),
    ...[...run.watch.seen.clusters.values()].flatMap(({ name, preferred }) => {
      const expected = run.managers.get(name)?.described().preferredWorkspaceClass;
      return preferred === expected ? [] : [`the classes of ${name} are ${preferred}, not ${expected}`];
    }),
  ];
}

function untrue(run: BridgeRun, row: InstanceRow): string[] {
  const { id, phase, region, status } = row;
  const problems: (string | undefined)[] = [];
  const truth = run.managers.get(region)?.truth.get(id);
  const isSaid = isForced(row) || !run.isRegistered(region);
  const isOver = phase === 'stopped' && truth?.phase === WorkspacePhase.STOPPED;
  if (truth !== undefined && !isSaid && !isOver) problems.push(untruthOf(row, truth));
  else if (phase !== 'stopped') problems.push(`rule 9: nobody knows ${id}, and it is ${phase}`);
  if (run.writtenBeside.has(id) && !status.includes('"neededImageBuild":true'))
    problems.push(`rule 5: what somebody else wrote about ${id} is gone`);
  if (run.mustHaveStarted.has(id) && row.startedTime === '')
    problems.push(`rule 7: ${id} was running, and has no time of that`);
  const prebuild = run.watch.prebuilds.get(id);
  if (prebuild !== undefined) problems.push(untruthOfPrebuild(row, prebuild));
  return problems.filter((problem) => problem !== undefined);
}

/** Instances of followed clusters without a row, though nobody removed it. */
function missing(run: BridgeRun): string[] {
  const problems: string[] = [];
  for (const manager of run.managers.values()) {
    if (!run.isRegistered(manager.name)) continue;
    for (const id of manager.alive) {
      if (!run.watch.rows.has(id) && !run.deleted.has(id)) problems.push(`there is no row of ${id}`);
    }
  }
  return problems;
}

/** What still waits in a bridge. */
function unrest(run: BridgeRun, { name, core, clock }: BridgeLife): string[] {
  const { mailboxes } = core.pipeline;
  const clusters = 1 + run.watch.seen.clusters.size;
  const isWriter = core.keeper.lease !== undefined;
  const unready = core.readiness.conditions().filter(({ ready }) => !ready);
  const names = [...(core.following.fleet.names ?? [])].sort().join();
  const expected = ['local', ...run.watch.seen.clusters.keys()].sort().join();
  const timersMax = TIMERS_MAX + TIMERS_EACH_MAX * clusters;
  const known = run.watch.rows.size + run.deleted.size;
  return [
    ...(isWriter && mailboxes.depth > 0
      ? [`rule 13: ${name} has work for ${mailboxes.depth} instances`]
      : []),
    ...(mailboxes.depth > known ? [`rule 13: ${name} waits for ${mailboxes.depth} of ${known}`] : []),
    ...unready.map((one) => `rule 15: ${name} is not ready: ${one.name}: ${one.message}`),
    ...(names === expected ? [] : [`${name} follows ${names}, not ${expected}`]),
    ...(clock.pending <= timersMax ? [] : [`${name} has ${clock.pending} timers, ${timersMax} are enough`]),
  ];
}
