import type { status } from '@grpc/grpc-js';
import type { Channel } from './channel.js';
import { goStatusName } from './error-status.js';
import type { MeasuredMethod } from './metrics.js';

const MS_PER_SECOND = 1_000;

/** Counts one call to somebody else, which begins when this is made. */
export interface OutgoingCall {
  sent(): void;
  received(): void;
  ended(code: status): void;
}

/** undefined where nobody counts. */
export function outgoingCall({ metrics, clock }: Channel, method: MeasuredMethod): OutgoingCall | undefined {
  if (metrics === undefined) return undefined;
  const counts = metrics.ofMethod(method);
  const startedAt = clock.monotonic();
  counts.started();
  return {
    sent: () => counts.sent(),
    received: () => counts.received(),
    ended: (code) => counts.handled(goStatusName(code), (clock.monotonic() - startedAt) / MS_PER_SECOND),
  };
}
