/** What the content does to its child actors: it begins them, tells them to stop, and lets go of those that ended. */
import { type AttachmentInput, attachmentLimits } from './attachment.js';
import * as attachments from './content-attachments.js';
import { contentSetup } from './content-setup.js';
import { timerEnds } from './content-timer.js';
import type { ContentContext } from './content-types.js';

/** A new attachment: on the list, alive, and told to begin, which starts with a record of its own. */
export const attach = contentSetup.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== 'ATTACH') return;
  const { attachment, at } = event;
  enqueue.assign(attachments.attached(context, attachment, at));
  spawn(enqueue, { attachment, recorded: undefined }, inputOf(context, at));
  const begin = attachment.kind === 'mount' ? 'MOUNT' : 'CONNECT';
  enqueue.sendTo(attachments.attachmentId(attachment), { type: begin, at });
});

/** The attachments of the life before come back from what they recorded, and each looks at the world itself. */
export const bringBackAttachments = contentSetup.enqueueActions(({ context, enqueue }) => {
  for (const one of context.attachments) spawn(enqueue, one, inputOf(context, context.at));
});

/** What comes after is the next one's end, or none in time. */
export const stopNextAttachment = contentSetup.enqueueActions(({ context, enqueue }) => {
  const id = attachments.nextToLeave(context);
  if (id !== undefined) enqueue.sendTo(id, { type: 'STOP', at: context.at });
});

/** Off the list, and out of the machine, which would keep it otherwise. */
export const dropEndedAttachment = contentSetup.enqueueActions(({ context, event, enqueue }) => {
  const id = attachments.endedIn(event);
  if (id !== undefined) enqueue.stopChild(id);
  enqueue.assign(attachments.ended(context, event));
});

const attachmentEnds = { guard: 'isEndOfAttachment', actions: dropEndedAttachment } as const;

/** Children may end at any time, in any state. */
export const childrenEnd = {
  'xstate.done.actor.*': [attachmentEnds, timerEnds],
  'xstate.error.actor.*': [attachmentEnds, timerEnds],
} as const;

type Enqueue = Parameters<Parameters<typeof contentSetup.enqueueActions>[0]>[0]['enqueue'];

function spawn(
  enqueue: Enqueue,
  { attachment, recorded }: attachments.Attached,
  common: Omit<AttachmentInput, 'recorded'>,
): void {
  const id = attachments.attachmentId(attachment);
  const input = recorded === undefined ? common : { ...common, recorded };
  if (attachment.kind === 'mount') {
    enqueue.spawnChild('mount', { id, input: { ...input, plan: attachment.plan } });
  } else {
    enqueue.spawnChild('vethPair', { id, input: { ...input, plan: attachment.plan } });
  }
}

function inputOf({ identity }: ContentContext, at: number) {
  return { instance: identity.instance, limits: attachmentLimits, at };
}
