import { Counter, Gauge, type Registry } from 'prom-client';
import { type LifeFacts, type Phase, phaseOf, stopReasonOf } from '../../machines/workspace-phase.js';

const PHASES: readonly Phase[] = ['pending', 'creating', 'initializing', 'running', 'stopping', 'stopped'];

/** Counters under the names that dashboards of the known manager read. */
export class ManagerMetrics {
  readonly #starts: Counter<'type'>;
  readonly #stops: Counter<'reason' | 'type'>;
  readonly #secretsLeft: Counter;

  constructor(registry: Registry, facts: () => Iterable<LifeFacts>) {
    const registers = [registry];
    this.#starts = new Counter({
      name: 'gitpod_ws_manager_mk2_workspace_starts_total',
      help: 'Instances whose command was started.',
      labelNames: ['type'],
      registers,
    });
    this.#stops = new Counter({
      name: 'gitpod_ws_manager_mk2_workspace_stops_total',
      help: 'Instances that stopped, by reason.',
      labelNames: ['reason', 'type'],
      registers,
    });
    this.#secretsLeft = new Counter({
      name: 'steward_manager_secrets_left_total',
      help: 'Secrets of starts that could not be removed when they were no longer needed.',
      registers,
    });
    new Gauge({
      name: 'gitpod_ws_manager_mk2_workspace_phase_total',
      help: 'Instances in each phase.',
      labelNames: ['phase'],
      registers,
      collect() {
        for (const phase of PHASES) this.set({ phase }, 0);
        for (const one of facts()) this.inc({ phase: phaseOf(one) });
      },
    });
  }

  started(facts: LifeFacts): void {
    this.#starts.inc({ type: facts.kind });
  }

  stopped(facts: LifeFacts, closed: boolean): void {
    this.#stops.inc({ type: facts.kind, reason: stopReasonOf(facts, closed) });
  }

  secretsLeft(): void {
    this.#secretsLeft.inc();
  }
}
