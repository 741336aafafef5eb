import { PortProtocol, PortVisibility } from '../gen/ws-manager-api/core.js';
import type { Port } from '../runtime/port.js';

/** How ports are told. */
export const VISIBILITIES = {
  private: PortVisibility.PORT_VISIBILITY_PRIVATE,
  public: PortVisibility.PORT_VISIBILITY_PUBLIC,
} as const satisfies Record<Port['visibility'], PortVisibility>;

export const PROTOCOLS = {
  http: PortProtocol.PORT_PROTOCOL_HTTP,
  https: PortProtocol.PORT_PROTOCOL_HTTPS,
} as const satisfies Record<Port['protocol'], PortProtocol>;
