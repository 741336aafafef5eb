import type { WaitForInitRequest, WaitForInitResponse } from '../../gen/ws-daemon-api/daemon.js';
import type { CallContext } from '../../grpc/service-types.js';
import { requiredInstanceId } from '../../grpc/validation.js';
import type { Instances } from '../instances.js';
import { setUpAnswer, setUpAnswerOf } from './answers.js';

/** Answers when the content is there; fails as soon as it is clear that it will not be. */
export async function waitForInit(
  instances: Instances,
  request: WaitForInitRequest,
  call: CallContext,
): Promise<WaitForInitResponse> {
  const id = requiredInstanceId(request.id, 'id');
  const finished = instances.finished(id);
  if (finished !== undefined) return setUpAnswerOf(finished);
  const instance = await instances.begun(id);
  await instance.waitFor(setUpAnswer, call.signal);
  return {};
}
