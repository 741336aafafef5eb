import { StewardError } from '../../errors/steward-error.js';
import type { Clock } from '../../gateways/clock.js';
import type { DisposeWorkspaceRequest, DisposeWorkspaceResponse } from '../../gen/ws-daemon-api/daemon.js';
import type { CallContext } from '../../grpc/service-types.js';
import { requiredInstanceId } from '../../grpc/validation.js';
import type { Instance } from '../instance/instance.js';
import type { Instances } from '../instances.js';
import { type DisposeAnswer, disposeAnswer, disposeAnswerOf } from './answers.js';
import { gitStatusOf } from './git-status.js';

/**
 * Wraps the content up and answers when it is saved, if that was asked for, and removed. May be called any number
 * of times: all callers wait for the same wrap-up, and a finished one is answered from memory.
 */
export async function disposeWorkspace(
  instances: Instances,
  clock: Clock,
  request: DisposeWorkspaceRequest,
  call: CallContext,
): Promise<DisposeWorkspaceResponse> {
  const id = requiredInstanceId(request.id, 'id');
  const finished = instances.finished(id);
  if (finished !== undefined) return responseOf(disposeAnswerOf(finished, request.backup));
  await instances.unpark(id);
  const instance = await instances.listening(id, 'dispose', call.signal);
  return responseOf(await disposed(instance, clock, request, call));
}

function disposed(
  instance: Instance,
  clock: Clock,
  request: DisposeWorkspaceRequest,
  call: CallContext,
): Promise<DisposeAnswer> {
  const { context } = instance.view;
  if (request.backup && context.request?.remoteStorageDisabled === true) {
    throw new StewardError(
      'storage-disabled',
      'this workspace was started without remote storage, it has no backups',
    );
  }
  const pausesBefore = context.pauses;
  instance.send({
    type: 'DISPOSE',
    at: clock.now(),
    disposal: {
      backup: request.backup,
      backupLogs: request.backupLogs,
      acceptShrink: false,
      reason: `DisposeWorkspace from ${call.peer}`,
    },
  });
  return instance.waitFor((view) => disposeAnswer(view, pausesBefore, request.backup), call.signal);
}

function responseOf(answer: DisposeAnswer): DisposeWorkspaceResponse {
  return { gitStatus: answer.gitStatus === undefined ? undefined : gitStatusOf(answer.gitStatus) };
}
