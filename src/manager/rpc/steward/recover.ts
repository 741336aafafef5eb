import { toStewardError } from '../../../errors/steward-error.js';
import type {
  ContentServiceService,
  RecoverRequest,
  RecoverResponse,
} from '../../../gen/steward/v1/content_service.js';
import type { ServiceClient } from '../../../grpc/client.js';
import type { CallContext } from '../../../grpc/service-types.js';
import { requiredInstanceId, requiredMessage, requiredText } from '../../../grpc/validation.js';
import { type StateSource, supervisorOf } from './states.js';

/**
 * The daemon decides about the content. Where the manager's own actor of the instance has been given up by its
 * supervisor, `retry` and `resume` start that again, too; then it is no failure that the content has nothing to go
 * on with.
 */
export async function recoverInstance(
  source: StateSource,
  daemon: Pick<ServiceClient<ContentServiceService>, 'recover'>,
  request: RecoverRequest,
  call: CallContext,
): Promise<RecoverResponse> {
  const id = requiredInstanceId(request.instanceId, 'instance_id');
  const reason = requiredText(request.reason, 'reason');
  const { $case: action } = requiredMessage(request.action, 'action');
  const parked = action === 'retry' || action === 'resume' ? supervisorOf(source, id) : undefined;
  const isStarted = parked?.state === 'parked' && (await parked.retry());
  if (isStarted) source.transitions.decided(id, action, `${reason} (by ${call.peer})`);
  try {
    return await daemon.recover(request, { signal: call.signal });
  } catch (thrown) {
    if (!isStarted || !NOTHING_TO_DO.has(toStewardError(thrown).code)) throw thrown;
    return { content: undefined };
  }
}

const NOTHING_TO_DO: ReadonlySet<string> = new Set(['unknown-instance', 'wrong-state']);
