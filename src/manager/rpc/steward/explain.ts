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
  const ifKnown = (thrown: unknown) => {
    const error = toStewardError(thrown);
    if (error.code === 'unknown-instance') return undefined;
    if (error.code !== 'unavailable') throw thrown;
    unasked = `the daemon of its node does not answer: ${error.message}`;
    return undefined;
  };
  const asked = await daemon.getContent({ instanceId: id }, { signal }).catch(ifKnown);
  const wanted = { instanceId: id, limit: HISTORY_READ_MAX };
  const history = await wholeHistory(source.transitions, daemon, wanted, signal).catch(ifKnown);
  const content = asked?.content;
  const transitions = history?.transitions ?? [];
  if (instance === undefined && content === undefined && transitions.length === 0) {
    if (unasked !== '') throw new StewardError('unavailable', unasked);
    throw new StewardError('unknown-instance', `no instance ${id} is known`);
  }
  return explainResponse({ id, now: clock.now(), content, instance, transitions, unasked });
}
