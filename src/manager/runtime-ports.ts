import type { InstanceId } from '../../machines/ids.js';
import type { PortState } from '../gen/steward/v1/runtime.js';
import type { Instance } from './instance/instance.js';
import type { Port } from './instance/settings.js';

/** How exposed ports become reachable. */
export interface PortForwarding {
  /** Reserves, durably, what each port needs to be reached; throws when there is none. May be called again. */
  check(instance: InstanceId, ports: readonly Port[]): Promise<void>;
  /** Where the port is reached; undefined as long as it cannot be. */
  urlOf(instance: InstanceId, port: Port): string | undefined;
  /** Brings what listens in step with the newest record. Never throws. */
  apply(instance: Instance): void;
  /** All ports of the instance and what became of them, sorted by number. */
  list(instance: Instance): Promise<readonly PortState[]>;
  /** Gives back what was reserved. */
  forget(instance: InstanceId): Promise<void>;
}

/** Ports are noted, and nothing listens. */
export const noForwarding: PortForwarding = {
  check: async () => undefined,
  urlOf: () => undefined,
  apply: () => undefined,
  list: async () => [],
  forget: async () => undefined,
};
