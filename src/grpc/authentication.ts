import {
  experimental,
  type Metadata,
  type ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import { StewardError } from '../errors/steward-error.js';

/** Mark of a call from where anybody may call. Set by us on every such call, so that leaving it out helps nobody. */
const ANYBODY = 'steward-unauthenticated-address';

/** Credentials of an address that does not ask its callers who they are: its calls are marked. */
export function ofAnybody(credentials: ServerCredentials): ServerCredentials {
  return experimental.createServerCredentialsWithInterceptors(credentials, [marking]);
}

/** Throws `caller-unknown` for a call that came from anybody. */
export function refuseAnybody({
  method,
  metadata,
}: {
  readonly method: string;
  readonly metadata: Metadata;
}) {
  if (metadata.get(ANYBODY).length === 0) return;
  throw new StewardError(
    'caller-unknown',
    `${method} is refused at an address that does not ask callers who they are: call the program's Unix socket, configure tls.ca, or set insecure if whoever reaches the address may do everything`,
  );
}

const marking: ServerInterceptor = (_method, call) =>
  new ServerInterceptingCall(call, {
    start: (next) => {
      next({
        onReceiveMetadata: (metadata, pass) => {
          metadata.set(ANYBODY, '1');
          pass(metadata);
        },
      });
    },
  });
