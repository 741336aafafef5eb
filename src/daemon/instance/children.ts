import { BACKUP_TIMER } from '../../../machines/backup-timer.js';
import { attachmentId } from '../../../machines/content-attachments.js';
import type { ContentContext } from '../../../machines/content-types.js';

/** What the backup timer of content in use goes by. Milliseconds, those of `nextAt` since the epoch. */
export interface TimerView {
  /** When the next backup is due, or was, while one is under way. */
  readonly nextAt: number;
  /** Failed backups in a row. */
  readonly failures: number;
  readonly periodMs: number;
}

export interface AttachmentView {
  /** `mount:proc`, `veth:0`, … */
  readonly name: string;
  /** State of the child that owns it. */
  readonly state: string;
  /** Below the root of the workspace; empty for a network. */
  readonly target: string;
}

/** The children of one instance's actor as callers may see them, read from what XState says of them. */
export interface Snapshot {
  readonly context: ContentContext;
  readonly children: Readonly<Record<string, { getSnapshot(): unknown } | undefined>>;
}

export function timerIn({ children }: Snapshot): TimerView | undefined {
  const context = fieldIn(children[BACKUP_TIMER]?.getSnapshot(), 'context');
  const nextAt = fieldIn(context, 'nextAt');
  const failures = fieldIn(context, 'failures');
  const periodMs = fieldIn(fieldIn(context, 'limits'), 'periodMs');
  const isWhole = typeof nextAt === 'number' && typeof failures === 'number' && typeof periodMs === 'number';
  return isWhole ? { nextAt, failures, periodMs } : undefined;
}

export function attachmentsIn({ context, children }: Snapshot): readonly AttachmentView[] {
  return context.attachments.map(({ attachment, recorded }) => {
    const name = attachmentId(attachment);
    const state = fieldIn(children[name]?.getSnapshot(), 'value');
    return {
      name,
      state: typeof state === 'string' ? state : (recorded ?? ''),
      target: attachment.kind === 'mount' ? attachment.plan.target : '',
    };
  });
}

function fieldIn(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
