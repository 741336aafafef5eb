import { sleep } from '../gateways/clock.js';
import { ContentServiceService } from '../gen/steward/v1/content_service.js';
import type { Channel } from '../grpc/channel.js';
import { createClient } from '../grpc/client.js';
import { PARKED_LOOK_MS, PROBE_MS } from './bounds.js';
import type { Session } from './session.js';

/** Why something waits for a person. */
export interface Parked {
  readonly parked: string;
}

/** What `work` brings, or that the instance is parked meanwhile: what is parked moves only when somebody decides. */
export async function unlessParked<Result>(
  session: Session,
  manager: Channel,
  instance: string,
  work: () => Promise<Result>,
): Promise<Result | Parked> {
  const done = new AbortController();
  try {
    return await Promise.race([work(), whenParked(session, manager, instance, done.signal)]);
  } finally {
    done.abort();
  }
}

/** Seen twice: what was just asked for may be on its way to an actor that is about to go on. */
async function whenParked(
  { cli }: Session,
  manager: Channel,
  instanceId: string,
  signal: AbortSignal,
): Promise<Parked> {
  const content = createClient(ContentServiceService, manager);
  let before = '';
  while (!signal.aborted) {
    await sleep(cli.world.clock, PARKED_LOOK_MS, signal).catch(() => undefined);
    // Who waits is told about a manager that is away by the stream of statuses.
    const answer = await content
      .explain({ instanceId }, { signal, timeoutMs: PROBE_MS })
      .catch(() => undefined);
    const parked = answer?.content?.parked?.reason ?? answer?.instance?.parked ?? '';
    if (parked !== '' && parked === before) return { parked };
    before = parked;
  }
  return new Promise(() => {});
}
