import type { GetInfoResponse, SystemServiceService } from '../../gen/steward/v1/system.js';
import type { Handlers } from '../../grpc/service-types.js';

/** `steward.v1.SystemService`. */
export function systemHandlers(info: () => GetInfoResponse): Handlers<typeof SystemServiceService> {
  return { getInfo: async () => info() };
}
