import type { SupervisorChildSpec } from '../../supervision/spec.js';
import { INSTANCE_RESTART_PERIOD_MS, INSTANCE_RESTARTS_MAX, INSTANCE_STOP_MS } from '../bounds.js';
import type { Instance } from './instance.js';

/**
 * An instance under a supervisor of its own: it comes back from its record after a failure, is parked when that
 * happens too often, and is gone when its life has ended. Nothing goes further up.
 */
export function instanceSupervisor(instance: Instance): SupervisorChildSpec {
  return {
    kind: 'supervisor',
    name: instance.parts.identity.instance,
    restart: 'temporary',
    supervisor: {
      strategy: 'one-for-one',
      onExhausted: 'park',
      intensity: { restarts: INSTANCE_RESTARTS_MAX, periodMs: INSTANCE_RESTART_PERIOD_MS },
      autoShutdown: 'any-significant',
      children: [
        {
          kind: 'worker',
          name: 'life',
          restart: 'transient',
          significant: true,
          shutdown: INSTANCE_STOP_MS,
          start: (child) => instance.run(child),
        },
      ],
    },
  };
}
