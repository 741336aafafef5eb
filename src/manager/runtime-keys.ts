import type { Logger } from 'pino';
import type { InstanceId } from '../../machines/ids.js';
import { phaseOf } from '../../machines/workspace-phase.js';
import type { WorkspaceRuntime } from '../runtime/workspace-runtime.js';
import type { Instance } from './instance/instance.js';

/** Brings changed SSH keys into instances that run; those of the start are there from the beginning. */
export class LiveKeys {
  readonly #runtime: Pick<WorkspaceRuntime, 'authorize'>;
  readonly #logger: Logger;
  /** What was brought last, and whether that is still under way. */
  readonly #brought = new Map<InstanceId, { keys: readonly string[]; work: Promise<void> }>();

  constructor(runtime: Pick<WorkspaceRuntime, 'authorize'>, logger: Logger) {
    this.#runtime = runtime;
    this.#logger = logger;
  }

  /** To be called with every record. Never throws. */
  apply({ parts: { identity }, record }: Pick<Instance, 'parts' | 'record'>): void {
    const { instance } = identity;
    if (record === undefined || phaseOf(record.life) !== 'running') {
      this.#brought.delete(instance);
      return;
    }
    const { sshKeys } = record.settings;
    const before = this.#brought.get(instance);
    if (before?.keys === sshKeys) return;
    const work = (before?.work ?? Promise.resolve())
      .then(() => this.#runtime.authorize(instance, sshKeys))
      .catch((error) => {
        this.#logger.warn({ err: error, ...identity }, 'SSH keys could not be brought into the instance');
      });
    this.#brought.set(instance, { keys: sshKeys, work });
  }
}
