import type { InstanceId } from '../../../machines/ids.js';
import { StewardError } from '../../errors/steward-error.js';
import type { Clock } from '../../gateways/clock.js';
import type { BackupWorkspaceRequest, BackupWorkspaceResponse } from '../../gen/ws-daemon-api/daemon.js';
import type { CallContext } from '../../grpc/service-types.js';
import { requiredInstanceId } from '../../grpc/validation.js';
import type { Instance } from '../instance/instance.js';
import type { Instances } from '../instances.js';
import { finalBackupAnswer, jobAnswer, wrongState } from './answers.js';
import { queueJob } from './queue-job.js';

export async function backupWorkspace(
  instances: Instances,
  clock: Clock,
  request: BackupWorkspaceRequest,
  call: CallContext,
): Promise<BackupWorkspaceResponse> {
  const id = requiredInstanceId(request.id, 'id');
  return { url: await makeBackup(instances, clock, id, false, call) };
}

/**
 * Makes a backup of content in use and answers with its name once it is committed and verified. While the content
 * is being wrapped up it joins the final backup instead, and starts the next attempt of one that is stranded. With
 * `acceptShrink` far less content than in the backup before is right.
 */
export async function makeBackup(
  instances: Instances,
  clock: Clock,
  id: InstanceId,
  acceptShrink: boolean,
  call: CallContext,
): Promise<string> {
  const instance = await instances.listening(id, 'job', call.signal);
  const { view } = instance;
  if (view.context.request?.remoteStorageDisabled === true) {
    throw new StewardError(
      'storage-disabled',
      'this workspace was started without remote storage, it has no backups',
    );
  }
  if (view.state === 'WRAPPING_UP') return joinFinalBackup(instance, clock, acceptShrink, call);
  if (view.state !== 'AVAILABLE') throw wrongState(view, 'there is no complete content to back up');
  const ticket = queueJob(instance, (job) => ({
    type: 'BACKUP',
    at: clock.now(),
    ticket: job,
    acceptShrink,
  }));
  return instance.waitFor((present) => jobAnswer(present, ticket), call.signal);
}

function joinFinalBackup(
  instance: Instance,
  clock: Clock,
  acceptShrink: boolean,
  call: CallContext,
): Promise<string> {
  const { pauses: pausesBefore, ticket } = instance.view.context;
  instance.send({ type: 'BACKUP', at: clock.now(), ticket, acceptShrink });
  return instance.waitFor((view) => finalBackupAnswer(view, pausesBefore), call.signal);
}
