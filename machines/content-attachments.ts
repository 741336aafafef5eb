/**
 * The attachments of an instance's content: each is a child actor, `mount:<name>` or `veth:<name>`, that lives
 * from ATTACH until it ends. The content keeps the list of those that live; what is on disk about one is its own
 * to say, by its own record.
 */
import type { AttachmentOutput, AttachmentStep } from './attachment.js';
import type { ContentContext, Failure } from './content-types.js';
import { failureOf, overdue } from './effect-end.js';
import type { MountPlan } from './mount-setup.js';
import type { VethPlan } from './veth-pair-setup.js';

/** What was added to content in use. The view of the content for backups is none of them: it goes after these. */
export type Attachment =
  | { readonly kind: 'mount'; readonly plan: MountPlan }
  | { readonly kind: 'veth'; readonly plan: VethPlan };

/** A living attachment, in the order they were added. */
export interface Attached {
  readonly attachment: Attachment;
  /** The step on disk when the content's actor came back; undefined for one that was added in this life. */
  readonly recorded: AttachmentStep | undefined;
}

/** What is on disk about one attachment. */
export interface RecordedAttachment {
  readonly attachment: Attachment;
  readonly step: AttachmentStep;
}

export type AttachmentId = `mount:${string}` | `veth:${string}`;

type Change = Partial<ContentContext>;

export function attachmentId({ kind, plan }: Attachment): AttachmentId {
  return `${kind}:${plan.name}`;
}

/** A name is free again when its attachment has ended. The view of the content for backups is not for callers. */
export function canAttach({ attachments, limits }: ContentContext, next: Attachment): boolean {
  if (next.kind === 'mount' && next.plan.type === 'content') return false;
  const isTaken = attachments.some(({ attachment }) => attachment.plan.name === next.plan.name);
  return !isTaken && attachments.length < limits.attachmentsMax;
}

export function attached(context: ContentContext, attachment: Attachment, at: number): Change {
  return { at, attachments: [...context.attachments, { attachment, recorded: undefined }] };
}

/** The networks go first, then the mounts, each the newest first. */
export function nextToLeave({ attachments }: ContentContext): AttachmentId | undefined {
  const next = attachments.findLast(({ attachment }) => attachment.kind === 'veth') ?? attachments.at(-1);
  return next === undefined ? undefined : attachmentId(next.attachment);
}

/** The attachment whose end an event tells; undefined for the end of anything else. */
export function endedIn(event: object): AttachmentId | undefined {
  if (!('actorId' in event) || typeof event.actorId !== 'string') return undefined;
  return isAttachmentId(event.actorId) ? event.actorId : undefined;
}

/** It ended by itself or after STOP. Only what is left of one is a failure of the content. */
export function ended(context: ContentContext, event: object): Change {
  const left = without(context, endedIn(event));
  if (!('output' in event)) return { ...left, ...failing(failureOf(event, context.at)) };
  const output = outputIn(event.output);
  if (output === undefined) return left;
  const { at, how, failure } = output;
  return how === 'leaked' && failure !== undefined ? { ...left, at, failure } : { ...left, at };
}

/** It did not end in time, or its timer broke: it is left behind. */
export function leftBehind(context: ContentContext, event: object): Change {
  const failure = 'error' in event ? failureOf(event, context.at) : overdue(event, context);
  return { ...without(context, nextToLeave(context)), ...failing(failure) };
}

function without({ attachments }: ContentContext, id: AttachmentId | undefined): Change {
  return { attachments: attachments.filter(({ attachment }) => attachmentId(attachment) !== id) };
}

function failing(failure: Failure): Change {
  return { at: failure.at, failure };
}

export function isAttachmentId(id: string): id is AttachmentId {
  return id.startsWith('mount:') || id.startsWith('veth:');
}

function outputIn(output: unknown): AttachmentOutput | undefined {
  return isOutput(output) ? output : undefined;
}

function isOutput(output: unknown): output is AttachmentOutput {
  return (
    typeof output === 'object' &&
    output !== null &&
    'at' in output &&
    typeof output.at === 'number' &&
    'how' in output &&
    'failure' in output
  );
}
