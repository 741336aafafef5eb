import { StewardError, toStewardError } from '../../../errors/steward-error.js';
import { HISTORY_READ_MAX } from '../../../explanation/bounds.js';
import { explainResponse } from '../../../explanation/response.js';
import type { Clock } from '../../../gateways/clock.js';
import type {
  ContentServiceService,
  ExplainRequest,
  ExplainResponse,
} from '../../../gen/steward/v1/content_service.js';
import type { ServiceClient } from '../../../grpc/client.js';
import { requiredInstanceId } from '../../../grpc/validation.js';
import { daemonPart } from './daemon-part.js';
import { wholeHistory } from './history.js';
import { type StateSource, stateOf } from './states.js';

type Daemon = Pick<ServiceClient<ContentServiceService>, 'getContent' | 'getHistory'>;

/** Why an instance is where it is: what the manager knows, and as far as it answers what the daemon does. */
export async function explainInstance(
  source: StateSource,
  daemon: Daemon,
  clock: Clock,
  request: ExplainRequest,
  signal: AbortSignal,
): Promise<ExplainResponse> {
  const id = requiredInstanceId(request.instanceId, 'instance_id');
  const instance = await stateOf(source, id);
  let unasked = '';
  const onSilence = ({ message }: StewardError) => {
    unasked = `the daemon of its node does not answer: ${message}`;
    return undefined;
  };
  const wanted = { instanceId: id, limit: HISTORY_READ_MAX };
  const [asked, history] = await Promise.all([
    daemonPart(
      clock,
      signal,
      (asking) => daemon.getContent({ instanceId: id }, { signal: asking }),
      onSilence,
    ).catch(ifKnown),
    wholeHistory(source.transitions, daemon, clock, wanted, signal).catch(ifTold),
  ]);
  const content = asked?.content;
  const transitions = history?.transitions ?? [];
  if (instance === undefined && content === undefined && transitions.length === 0) {
    if (unasked !== '') throw new StewardError('unavailable', unasked);
    throw new StewardError('unknown-instance', `no instance ${id} is known`);
  }
  return explainResponse({ id, now: clock.now(), content, instance, transitions, unasked });
}

function ifKnown(thrown: unknown): undefined {
  if (toStewardError(thrown).code !== 'unknown-instance') throw thrown;
}

/** The daemon that has no history to tell is the one that was asked for the content, which says why. */
function ifTold(thrown: unknown): undefined {
  if (!NO_HISTORY.has(toStewardError(thrown).code)) throw thrown;
}

const NO_HISTORY: ReadonlySet<string> = new Set(['unknown-instance', 'unavailable', 'deadline-exceeded']);
