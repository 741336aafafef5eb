import { fromPromise } from 'xstate';
import type { AttachmentContext, AttachmentStep } from '../../../machines/attachment.js';
import type { Attachment } from '../../../machines/content-attachments.js';
import type { Done } from '../../../machines/effect.js';
import { mountMachine } from '../../../machines/mount.js';
import type { MountContext, MountStepInput, MountSurvey } from '../../../machines/mount-setup.js';
import { vethMachine } from '../../../machines/veth-pair.js';
import type { VethContext, VethStep, VethStepInput, VethSurvey } from '../../../machines/veth-pair-setup.js';
import { StewardError } from '../../errors/steward-error.js';
import type { ContentRecords } from '../records/content-records.js';
import { deadline } from './deadline.js';
import { failure, type Performing } from './perform.js';

type Needs = Pick<Performing, 'clock' | 'random'>;

/**
 * The children of the content machine. Their records are real; what the kernel has to do for them is missing in
 * this version and refused as that, and no call of the daemon adds one.
 */
export function attachmentActors(needs: Needs, records: ContentRecords) {
  const shared = { deadline: deadline(needs) };
  return {
    mount: mountMachine.provide({
      actors: {
        ...shared,
        writeRecord: writeStep<MountContext>(needs, records, ({ plan }) => ({ kind: 'mount', plan })),
        survey: missing<MountSurvey, MountStepInput>(needs, 'looking for mounts'),
        mount: missing<Done, MountStepInput>(needs, 'mounting'),
        unmount: missing<Done, MountStepInput & { readonly force: boolean }>(needs, 'unmounting'),
      },
    }),
    vethPair: vethMachine.provide({
      actors: {
        ...shared,
        writeRecord: writeStep<VethContext>(needs, records, ({ plan }) => ({ kind: 'veth', plan })),
        survey: missing<VethSurvey, VethStepInput>(needs, 'looking for network interfaces'),
        perform: missing<Done, VethStepInput & { readonly step: VethStep }>(needs, 'making a veth pair'),
        undo: missing<Done, VethStepInput & { readonly step: VethStep | undefined; readonly force: boolean }>(
          needs,
          'removing a veth pair',
        ),
      },
    }),
  };
}

interface StepToRecord<Context> {
  readonly context: Context;
  readonly step: AttachmentStep;
}

/** Makes one attachment's step durable, in the record of its instance. */
function writeStep<Context extends AttachmentContext>(
  needs: Needs,
  records: ContentRecords,
  attachmentOf: (context: Context) => Attachment,
) {
  return fromPromise<Done & { readonly step: AttachmentStep }, StepToRecord<Context>>(
    async ({ input: { context, step }, signal }) => {
      try {
        await records.writeAttachment(context.instance, { attachment: attachmentOf(context), step }, signal);
      } catch (error) {
        throw failure(needs, error);
      }
      return { at: needs.clock.now(), step };
    },
  );
}

function missing<Output, Input>(needs: Needs, what: string) {
  return fromPromise<Output, Input>(() => {
    const error = new StewardError('not-implemented', `${what} is not part of this version of the daemon`);
    return Promise.reject(failure(needs, error));
  });
}
