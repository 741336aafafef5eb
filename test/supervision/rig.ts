import type { SupervisorEvent } from '../../src/supervision/events.js';
import { abnormal, type Exit, NORMAL, SHUTDOWN } from '../../src/supervision/exit.js';
import type { FaultPoints } from '../../src/supervision/faults.js';
import type { ChildContext, StartedChild, SupervisorSpec, WorkerSpec } from '../../src/supervision/spec.js';
import { startSupervisor } from '../../src/supervision/start.js';
import type { Supervisor } from '../../src/supervision/supervisor.js';
import { fractions } from './model/script.js';
import { settle, VirtualClock } from './virtual-clock.js';

/** One run of a worker that does what the test says. */
export interface FakeRun {
  readonly context: ChildContext;
  exit(exit: Exit): Promise<void>;
}

export type WorkerPlan = Partial<Pick<WorkerSpec, 'shutdown' | 'startWithinMs'>> &
  Partial<StartedChild> & {
    readonly onStart?: (context: ChildContext) => Promise<void> | void;
    /** Never ends by itself and says so, as a server does. */
    readonly passive?: boolean;
  };

type Options = Pick<WorkerSpec, 'restart'> & WorkerPlan;

/** A tree on a virtual clock whose events are written down as `type path`. */
export class Rig {
  readonly clock = new VirtualClock();
  readonly random = {
    fraction: fractions(7),
    uuid: () => '',
    bytes: (count: number) => new Uint8Array(count),
  };
  readonly events: SupervisorEvent[] = [];
  readonly #runs = new Map<string, FakeRun[]>();

  /** A worker named `name` that stops at once when told to, unless the plan says otherwise. */
  worker(name: string, plan: Options) {
    const { restart, onStart, passive, shutdown, startWithinMs, ...handed } = plan;
    return {
      kind: 'worker' as const,
      name,
      restart,
      ...(shutdown === undefined ? {} : { shutdown }),
      ...(startWithinMs === undefined ? {} : { startWithinMs }),
      start: async (context: ChildContext): Promise<StartedChild> => {
        await onStart?.(context);
        const exit = this.#enter(name, context);
        return { ...(passive === true ? {} : { exit }), stop: async () => undefined, ...handed };
      },
    };
  }

  start(spec: SupervisorSpec, faults?: FaultPoints): Promise<Supervisor> {
    const onEvent = (event: SupervisorEvent) => void this.events.push(event);
    const { clock, random } = this;
    return startSupervisor('root', spec, {
      clock,
      random,
      onEvent,
      ...(faults === undefined ? {} : { faults }),
    });
  }

  /** The latest run of the worker. */
  run(name: string): FakeRun {
    const run = this.#runs.get(name)?.at(-1);
    if (run === undefined) throw new Error(`${name} never ran`);
    return run;
  }

  fail(name: string): Promise<void> {
    return this.run(name).exit(abnormal(`${name} broke`));
  }

  end(name: string): Promise<void> {
    return this.run(name).exit(NORMAL);
  }

  shutdown(name: string): Promise<void> {
    return this.run(name).exit(SHUTDOWN);
  }

  /** What happened since the last call, as `type path-below-root`. */
  news(...types: readonly SupervisorEvent['type'][]): readonly string[] {
    const seen = this.events.splice(0).filter(({ type }) => types.length === 0 || types.includes(type));
    return seen.map((event) => `${event.type} ${event.path.replace(/^root\//, '')}`);
  }

  #enter(name: string, context: ChildContext): Promise<Exit> {
    return new Promise((resolve) => {
      const exit = async (value: Exit) => {
        resolve(value);
        await settle();
      };
      this.#runs.set(name, [...(this.#runs.get(name) ?? []), { context, exit }]);
    });
  }
}

export const AT_ONCE = { backoff: 'none', intensity: { restarts: 3, periodMs: 1_000 } } as const;

/** Resolves never. */
export function forEver(): Promise<never> {
  return new Promise(() => undefined);
}
