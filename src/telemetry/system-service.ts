import type { GetInfoResponse, ReadinessCondition, SystemServiceService } from '../gen/steward/v1/system.js';
import type { Handlers } from '../grpc/service-types.js';

/** What a program says of itself; the conditions are asked for at each call. */
export interface ProgramInfo extends Omit<GetInfoResponse, 'ready' | 'conditions'> {}

/** `steward.v1.SystemService`, as every program serves it. */
export function systemHandlers(
  info: () => ProgramInfo,
  conditions: () => Promise<readonly ReadinessCondition[]>,
): Handlers<SystemServiceService> {
  return {
    getInfo: async () => {
      const found = await conditions();
      return { ...info(), ready: found.every((condition) => condition.ready), conditions: [...found] };
    },
  };
}
