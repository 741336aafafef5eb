import { sleep } from '../../../src/gateways/clock.js';
import type { SupervisorEvent } from '../../../src/supervision/events.js';
import { abnormal, type Exit, NORMAL, SHUTDOWN } from '../../../src/supervision/exit.js';
import type { ChildContext, ChildSpec, StartResult, SupervisorSpec } from '../../../src/supervision/spec.js';
import { startSupervisor } from '../../../src/supervision/start.js';
import type { Supervisor } from '../../../src/supervision/supervisor.js';
import { VirtualClock } from '../virtual-clock.js';
import {
  type Behaviour,
  type Command,
  fractions,
  type Script,
  STEADY,
  type SupervisorScript,
} from './script.js';

/** Runs the real supervisor on a script and writes the same log as the model. */
export async function runReal(
  script: SupervisorScript,
  seed: number,
  commands: readonly Command[],
  until: number,
): Promise<readonly string[]> {
  const clock = new VirtualClock();
  const log: string[] = [];
  const starts = new Map<string, number>();
  const random = {
    fraction: fractions(seed),
    uuid: () => '',
    bytes: (count: number) => new Uint8Array(count),
  };
  const onEvent = (event: SupervisorEvent) => {
    const line = lineOf(event);
    if (line !== undefined) log.push(line);
  };
  const stop = new AbortController();
  let root: Supervisor | undefined;
  const starting = startSupervisor(
    'root',
    supervisorSpec(script, clock, starts),
    { clock, random, onEvent },
    stop.signal,
  );
  starting.then(
    (supervisor) => {
      root = supervisor;
    },
    () => undefined,
  );
  for (const command of commands) {
    clock.schedule(command.at, () => {
      if (command.kind !== 'stop') act(root, command);
      else if (root === undefined) stop.abort();
      else void root.stop();
    });
  }
  await clock.runUntil(until);
  return log;
}

function act(root: Supervisor | undefined, command: Exclude<Command, { kind: 'stop' }>): void {
  const supervisor = root?.find(command.supervisor.split('/').slice(1).join('/'));
  if (supervisor === undefined) return;
  switch (command.kind) {
    case 'retry':
      void supervisor.retry();
      return;
    case 'delete':
      supervisor.deleteChild(command.child);
      return;
    case 'terminate':
      void supervisor.terminateChild(command.child);
      return;
    case 'restart':
      void supervisor.restartChild(command.child);
      return;
  }
}

function lineOf(event: SupervisorEvent): string | undefined {
  const { type, at, path } = event;
  switch (type) {
    case 'warning':
      return undefined;
    case 'exit':
      return `${at} exit ${event.exit.kind} ${path}`;
    case 'stopped':
      return `${at} stopped ${event.stopped.outcome} ${path}`;
    case 'restart':
      return `${at} restart after ${event.afterMs} (${event.used}) ${path}`;
    default:
      return `${at} ${type} ${path}`;
  }
}

function supervisorSpec(
  script: SupervisorScript,
  clock: VirtualClock,
  starts: Map<string, number>,
): SupervisorSpec {
  const { strategy, intensity, backoff, onExhausted, autoShutdown } = script;
  const children = script.children.map((child) => childSpec(child, clock, starts));
  // Scripts hold only allowed combinations; the run-time check refuses others, so the test would fail.
  return { strategy, intensity, backoff, onExhausted, autoShutdown, children } as SupervisorSpec;
}

function childSpec(script: Script, clock: VirtualClock, starts: Map<string, number>): ChildSpec {
  const { name, restart, significant } = script;
  if (script.kind === 'supervisor') {
    const supervisor = supervisorSpec(script, clock, starts);
    return { kind: 'supervisor', name, restart, significant, supervisor } as ChildSpec;
  }
  const { shutdown, startWithinMs } = script;
  const start = (context: ChildContext) => {
    const nth = starts.get(context.path) ?? 0;
    starts.set(context.path, nth + 1);
    return startWorker(script.runs[nth] ?? STEADY, context, clock);
  };
  return { kind: 'worker', name, restart, significant, shutdown, startWithinMs, start } as ChildSpec;
}

async function startWorker(
  behaviour: Behaviour,
  context: ChildContext,
  clock: VirtualClock,
): Promise<StartResult> {
  context.onKill(() => (behaviour.leaks ? [{ kind: 'process', detail: 'pid 1' }] : []));
  const obeyed = behaviour.obeys ? context.signal : undefined;
  await pass(clock, behaviour.start.kind === 'hang' ? undefined : behaviour.start.afterMs, obeyed);
  if (behaviour.start.kind === 'error') throw new Error('scripted start error');
  if (behaviour.start.kind === 'ignore') return 'ignore';
  const { exit } = behaviour;
  return {
    ...(exit === undefined ? {} : { exit: pass(clock, exit.afterMs, obeyed).then(() => exitOf(exit.kind)) }),
    async stop() {
      await pass(clock, behaviour.stop.kind === 'hang' ? undefined : behaviour.stop.afterMs, obeyed);
      if (behaviour.stop.kind === 'crash') throw new Error('scripted stop error');
    },
  };
}

/** Milliseconds, or for ever; ends early with a rejection when `obeyed` aborts. */
function pass(
  clock: VirtualClock,
  milliseconds: number | undefined,
  obeyed: AbortSignal | undefined,
): Promise<void> {
  if (milliseconds === 0 && obeyed?.aborted !== true) return Promise.resolve();
  if (milliseconds !== undefined) return sleep(clock, milliseconds, obeyed);
  return new Promise((_, reject) =>
    obeyed?.addEventListener('abort', () => reject(obeyed.reason), { once: true }),
  );
}

function exitOf(kind: 'normal' | 'shutdown' | 'abnormal'): Exit {
  if (kind === 'abnormal') return abnormal('scripted failure');
  return kind === 'normal' ? NORMAL : SHUTDOWN;
}
