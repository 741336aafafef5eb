import type { Step } from './kernel.js';
import type { Outcome } from './model-worker.js';
import type { Behaviour, Script, SupervisorScript } from './script.js';

export type StartResult = 'started' | 'ignored' | 'failed' | 'stopped';

export interface Child {
  readonly script: Script;
  run?: WorkerRun | Supervisor;
  waiting?: Restart;
  pauses: number;
  interrupted: boolean;
  /** Told about at once, so that commands find what is on its way up. */
  starting?: Supervisor | 'worker';
}

export interface WorkerRun {
  readonly behaviour: Behaviour;
  readonly upAt: number;
  over?: { readonly kind: 'normal' | 'shutdown' | 'abnormal'; readonly ranFor: number };
  stopping: boolean;
}

export interface Restart {
  readonly members: readonly Child[];
}

export interface Supervisor {
  readonly path: string;
  readonly script: SupervisorScript;
  children: Child[];
  mailbox: (() => Step<void>)[];
  state: 'init' | 'failed' | 'running' | 'parked' | 'over';
  /** Told to stop. */
  told: boolean;
  done: boolean;
  restarts: number[];
  /** How its children's last stops ended. */
  left: Outcome[];
  /** How those ended whose start was given up for its stop. */
  cut: Outcome[];
  onOver?: () => void;
}
