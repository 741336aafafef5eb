import { backoffOf, pauseMs, resetAfterMs } from './backoff.js';
import type { Child, PendingRestart } from './child.js';
import type { SupervisorCore } from './core.js';
import { type Exit, SHUTDOWN } from './exit.js';
import type { Run } from './run.js';
import type { StartOutcome } from './run-owner.js';

/** What happens after `child` ended by itself, in OTP's order: forget or keep, auto-shutdown, or restart. */
export async function afterExit(core: SupervisorCore, child: Child, run: Run, exit: Exit): Promise<void> {
  if (!core.is('running') || child.run !== run) return;
  // What the failed run left must be gone before anything is started in its place.
  if (exit.kind === 'abnormal') await run.stop(child.shutdown);
  if (!core.is('running')) return;
  child.run = undefined;
  child.failed(exit);
  if (shouldRestart(child, exit)) {
    resetBackoffAfterGoodRun(core, child, run);
    return restart(core, child, describe(child, exit), 'now');
  }
  if (child.spec.restart === 'temporary' || core.dynamic) core.forget(child);
  if (endsSupervisor(core, child)) {
    const reason = `significant child ${child.spec.name} ended`;
    core.shared.tell({ type: 'auto-shutdown', path: core.path, reason });
    await core.endWith(SHUTDOWN);
  }
}

/**
 * Counts a restart of `child` and lets it and those its strategy adds start again after the pause, or gives up.
 * `soonest` says when a pause of nothing ends: in this operation, or after those that wait already, as OTP does
 * between attempts so that a stop can get in.
 */
export async function restart(
  core: SupervisorCore,
  child: Child,
  cause: string,
  soonest: 'now' | 'next',
): Promise<void> {
  const { restarts, periodMs } = core.intensity;
  const used = core.windowFor(child).add(core.shared.clock.monotonic(), periodMs);
  if (used > restarts)
    return giveUp(core, child, `${cause}; ${restarts} restarts in ${periodMs} ms are used up`);

  const afterMs = nextPause(core, child);
  const at = core.shared.clock.now() + afterMs;
  const path = `${core.path}/${child.spec.name}`;
  core.shared.tell({ type: 'restart', path, afterMs, used, allowed: restarts });
  const stopped = membersOf(core, child);
  await core.stopChildren(stopped);
  if (!core.is('running')) return;

  const members = stopped.filter((member) => member.spec.restart !== 'temporary');
  const pending: PendingRestart = { members, at, timer: undefined };
  for (const member of pending.members) member.pending = pending;
  if (afterMs === 0 && soonest === 'now') return startPending(core, pending);
  const begin = () => core.inBackground(child, () => startPending(core, pending));
  if (afterMs === 0) begin();
  else pending.timer = core.shared.clock.schedule(pending.at, begin);
}

/** Starts all of `children` in order, as one restart without a pause. */
export async function startTogether(core: SupervisorCore, children: readonly Child[]): Promise<void> {
  const pending: PendingRestart = { members: children, at: core.shared.clock.now(), timer: undefined };
  for (const child of children) child.pending = pending;
  await startPending(core, pending);
}

/** After a start that failed outside the first start of the supervisor: it counts and is tried again. */
export async function afterFailedStart(
  core: SupervisorCore,
  child: Child,
  outcome: StartOutcome & { readonly result: 'failed' },
): Promise<void> {
  if (!core.is('running')) return;
  await restart(core, child, `${child.spec.name} did not start: ${outcome.error.message}`, 'next');
}

async function startPending(core: SupervisorCore, pending: PendingRestart): Promise<void> {
  for (const member of pending.members) {
    if (!core.is('running')) return;
    // Terminated meanwhile, or taken over by a restart that began further left.
    if (member.pending !== pending) continue;
    const outcome = await core.startRun(member);
    if (outcome.result === 'failed') return afterFailedStart(core, member, outcome);
    if (outcome.result === 'ignored' && core.dynamic) core.forget(member);
  }
}

async function giveUp(core: SupervisorCore, child: Child, reason: string): Promise<void> {
  switch (core.spec.onExhausted) {
    case 'park-child':
      child.parked = true;
      core.shared.tell({ type: 'park', path: `${core.path}/${child.spec.name}`, reason });
      return;
    case 'park':
      return core.park(reason);
    case 'escalate':
    case undefined:
      core.shared.tell({ type: 'escalate', path: core.path, reason });
      return core.endWith(SHUTDOWN);
  }
}

/** Those that start again with `child`, in start order. Temporary ones never do; they are stopped and gone. */
function membersOf(core: SupervisorCore, child: Child): readonly Child[] {
  switch (core.spec.strategy) {
    case 'one-for-one':
    case 'dynamic':
      return [child];
    case 'one-for-all':
      return [...core.children.values()];
    case 'rest-for-one': {
      const all = [...core.children.values()];
      return all.slice(all.indexOf(child));
    }
  }
}

function shouldRestart(child: Child, exit: Exit): boolean {
  switch (child.spec.restart) {
    case 'permanent':
      return true;
    case 'transient':
      return exit.kind === 'abnormal';
    case 'temporary':
      return false;
  }
}

/** Whether the end of `child`, which will not be restarted, ends its supervisor. */
function endsSupervisor(core: SupervisorCore, child: Child): boolean {
  if (child.spec.significant !== true) return false;
  const { autoShutdown = 'never' } = core.spec;
  switch (autoShutdown) {
    case 'any-significant':
      return true;
    case 'all-significant':
      return ![...core.children.values()].some(
        (other) => other !== child && other.spec.significant === true && other.state !== 'stopped',
      );
    case 'never':
      return false;
  }
}

function nextPause(core: SupervisorCore, child: Child): number {
  const pause = pauseMs(backoffOf(core.spec.backoff), child.backoffStep, core.shared.random);
  child.backoffStep += 1;
  return pause;
}

function resetBackoffAfterGoodRun(core: SupervisorCore, child: Child, run: Run): void {
  if (run.ranForMs >= resetAfterMs(backoffOf(core.spec.backoff))) child.backoffStep = 0;
}

function describe(child: Child, exit: Exit): string {
  return exit.kind === 'abnormal'
    ? `${child.spec.name} failed: ${exit.error.message}`
    : `${child.spec.name} ended (${exit.kind})`;
}
