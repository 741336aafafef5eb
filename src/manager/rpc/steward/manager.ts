import { StewardError } from '../../../errors/steward-error.js';
import type { Clock } from '../../../gateways/clock.js';
import type {
  ManagerServiceService,
  Maintenance as WireMaintenance,
} from '../../../gen/steward/v1/manager_service.js';
import type { Handlers } from '../../../grpc/service-types.js';
import { requiredInstanceId, requiredText } from '../../../grpc/validation.js';
import { MAINTENANCE_LONGEST_MS } from '../../bounds.js';
import { type StateSource, stateOf } from './states.js';

/** `steward.v1.ManagerService`. */
export function managerHandlers(source: StateSource, clock: Clock): Handlers<ManagerServiceService> {
  const { maintenance } = source;
  const now = async (): Promise<WireMaintenance> => {
    const until = await maintenance.until();
    return { untilMs: until === undefined ? undefined : BigInt(until) };
  };
  return {
    getInstance: async (request) => {
      const id = requiredInstanceId(request.instanceId, 'instance_id');
      const instance = await stateOf(source, id);
      if (instance === undefined)
        throw new StewardError('unknown-instance', `no instance ${id} is known here`);
      return { instance };
    },
    getMaintenance: async () => ({ maintenance: await now() }),
    setMaintenance: async ({ untilMs, reason }, call) => {
      requiredText(reason, 'reason');
      const until = untilMs === undefined ? undefined : checkedUntil(untilMs, clock.now());
      await maintenance.set(until);
      call.logger.warn({ until, peer: call.peer, reason }, 'maintenance was set');
      return { maintenance: await now() };
    },
  };
}

function checkedUntil(untilMs: bigint, now: number): number {
  const until = Number(untilMs);
  if (until > now && until <= now + MAINTENANCE_LONGEST_MS) return until;
  throw new StewardError('invalid-argument', 'until_ms is not between now and 30 days from now');
}
