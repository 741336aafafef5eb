import { StewardError } from '../../errors/steward-error.js';
import type { Clock } from '../../gateways/clock.js';
import { inTime } from '../../gateways/deadline.js';
import type { TakeSnapshotRequest, TakeSnapshotResponse } from '../../gen/ws-daemon-api/daemon.js';
import type { CallContext } from '../../grpc/service-types.js';
import { requiredInstanceId } from '../../grpc/validation.js';
import { PROMISE_DEADLINE_MS } from '../bounds.js';
import type { ContentView } from '../instance/view.js';
import type { Instances } from '../instances.js';
import { jobAnswer, wrongState } from './answers.js';
import { queueJob } from './queue-job.js';

/** Names of snapshots: when they were asked for, and never the same twice. */
export interface SnapshotNames {
  next(): string;
  urlOf(view: ContentView, name: string): string;
  /** Resolves when the promise with that ticket is on disk, whatever runs meanwhile. */
  promise(view: ContentView, ticket: number): Promise<void>;
}

/**
 * Saves content in use under a name of its own. With `return_immediately` it answers as soon as the promise is on
 * disk: the snapshot is made even if the daemon restarts before it could begin.
 */
export async function takeSnapshot(
  instances: Instances,
  clock: Clock,
  names: SnapshotNames,
  request: TakeSnapshotRequest,
  call: CallContext,
): Promise<TakeSnapshotResponse> {
  const id = requiredInstanceId(request.id, 'id');
  const instance = await instances.listening(id, 'job', call.signal);
  const { view } = instance;
  if (view.context.request?.remoteStorageDisabled === true) {
    throw new StewardError(
      'storage-disabled',
      'this workspace was started without remote storage, it has no snapshots',
    );
  }
  if (view.state !== 'AVAILABLE') throw wrongState(view, 'only content in use can be saved as a snapshot');
  const name = names.next();
  const ticket = queueJob(instance, (job) => ({ type: 'SNAPSHOT', at: clock.now(), ticket: job, name }));
  if (!request.returnImmediately) {
    return { url: await instance.waitFor((present) => jobAnswer(present, ticket), call.signal) };
  }
  const promising = names.promise(instance.view, ticket);
  await inTime(clock, PROMISE_DEADLINE_MS, 'writing the promise', promising);
  return { url: names.urlOf(view, name) };
}
