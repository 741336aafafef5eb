import type { InstanceId } from '../../../../machines/ids.js';
import { StewardError } from '../../../errors/steward-error.js';
import type { ContentStatus } from '../../../gen/steward/v1/content.js';
import { requiredInstanceId } from '../../../grpc/validation.js';
import type { Absence } from '../../instances.js';
import { absentStatusOf, finishedStatusOf, statusOf } from '../content-status.js';
import type { StewardContentOptions } from './options.js';

/** One instance, finished ones included as long as they are remembered. */
export function contentOf(options: StewardContentOptions, instanceId: string): ContentStatus {
  const instance = requiredInstanceId(instanceId, 'instance_id');
  const status = presentStatus(options, instance, () => options.core.instances.absences());
  if (status !== undefined) return status;
  const finished = options.core.instances.finished(instance);
  if (finished !== undefined) return finishedStatusOf(finished, options);
  throw new StewardError('unknown-instance', `no instance ${instance} is known here`);
}

/** undefined for an instance that is finished, unknown, or so new that nothing is known of it yet. */
export function presentStatus(
  options: StewardContentOptions,
  instance: InstanceId,
  absences: () => ReadonlyMap<string, Absence>,
): ContentStatus | undefined {
  const { instances, records } = options.core;
  const live = instances.find(instance);
  if (live !== undefined) return statusOf(live, options);
  const record = records.read(instance);
  return record === undefined ? undefined : absentStatusOf(record, options, absences().get(instance));
}
