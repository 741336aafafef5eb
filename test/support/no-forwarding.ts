import type { PortForwarding } from '../../src/manager/runtime-ports.js';

/** Ports are noted, and nothing listens. */
export const noForwarding: PortForwarding = {
  check: async () => undefined,
  adding: (_instance, _port, change) => change(),
  urlOf: () => undefined,
  apply: () => undefined,
  list: async () => [],
  forget: async () => undefined,
};
