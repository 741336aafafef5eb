import { fromPromise } from 'xstate';
import type { RecordInput } from '../../../machines/content-setup.js';
import type { RecordedStep } from '../../../machines/content-types.js';
import type { Done } from '../../../machines/effect.js';
import { toRecord } from '../../../machines/record.js';
import { finishedFrom } from '../instance/finished.js';
import type { ContentRecords } from '../records/content-records.js';
import { failure, type Performing } from './perform.js';

/**
 * Makes the record durable, which is what lets the machine go on. It does not wait in the instance's lane: a
 * record may be due while a given-up effect is still ending.
 */
export function writeRecord(performing: Performing, records: ContentRecords) {
  return fromPromise<Done & { readonly step: RecordedStep }, RecordInput>(async ({ input, signal }) => {
    const { context, step } = input;
    try {
      signal.throwIfAborted();
      if (step === 'gone') await records.finish(finishedFrom(context));
      else {
        const { instance } = context.identity;
        await records.change(instance, (before) => toRecord(context, step, before), signal);
      }
    } catch (error) {
      performing.onFailed(input, 'record', error);
      throw failure(performing, error);
    }
    return { at: performing.clock.now(), step };
  });
}
