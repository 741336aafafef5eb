import type { Child } from './child.js';
import type { SupervisorCore } from './core.js';
import type { RestartWindow } from './intensity.js';
import type { ChildInfo, ChildNode, Counts, RestartsInfo, SupervisorNode } from './tree.js';

/** How a supervisor and everything below it is doing now. Reads only. */
export function supervisorNode(core: SupervisorCore): SupervisorNode {
  return {
    name: core.path.slice(core.path.lastIndexOf('/') + 1),
    path: core.path,
    kind: 'supervisor',
    state: core.state,
    strategy: core.spec.strategy,
    restarts: restartsInfo(core, core.window),
    ...(core.parked === undefined ? {} : { parked: core.parked }),
    observerFailures: core.shared.observerFailures,
    children: [...core.children.values()].map((child) => childNode(core, child)),
  };
}

export function childInfo(core: SupervisorCore, child: Child): ChildInfo {
  const { spec, run } = child;
  const mailboxDepth = run?.mailboxDepth;
  return {
    name: spec.name,
    path: `${core.path}/${spec.name}`,
    kind: spec.kind,
    state: child.state,
    restart: spec.restart,
    significant: spec.significant === true,
    generation: child.generation,
    ...(child.pending === undefined ? {} : { nextRestartAt: child.pending.at }),
    ...(child.lastError === undefined ? {} : { lastError: child.lastError }),
    ...(mailboxDepth === undefined ? {} : { mailboxDepth }),
    ...(core.spec.onExhausted === 'park-child' ? { restarts: restartsInfo(core, child.window) } : {}),
  };
}

/** `active` counts children that have a run, as OTP counts those with a process. */
export function countChildren(core: SupervisorCore): Counts {
  const children = [...core.children.values()];
  const supervisors = children.filter((child) => child.spec.kind === 'supervisor').length;
  return {
    specs: children.length,
    active: children.filter((child) => child.run !== undefined).length,
    supervisors,
    workers: children.length - supervisors,
  };
}

function childNode(core: SupervisorCore, child: Child): ChildNode {
  const supervisor = child.run?.nested?.tree();
  return { ...childInfo(core, child), ...(supervisor === undefined ? {} : { supervisor }) };
}

function restartsInfo(core: SupervisorCore, window: RestartWindow | undefined): RestartsInfo {
  const { restarts, periodMs } = core.intensity;
  const used = window?.used(core.shared.clock.monotonic(), periodMs) ?? 0;
  return { used, left: Math.max(0, restarts - used), periodMs };
}
