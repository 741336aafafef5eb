import { describe, expect, it } from 'vitest';
import { createActor, fromPromise, toPromise, waitFor } from 'xstate';
import type { AttachmentStep } from '../../machines/attachment.js';
import { type BackupTimerRecordInput, backupTimerMachine } from '../../machines/backup-timer.js';
import type { RecordedAttachment } from '../../machines/content-attachments.js';
import type { ContentInput, JobInput, RecordInput, StepInput } from '../../machines/content-setup.js';
import { contentMachine } from '../../machines/content-state.js';
import type { GitReport, PreStopReport, RecordedStep, Survey } from '../../machines/content-types.js';
import type { Done, Drawn } from '../../machines/effect.js';
import { mountMachine } from '../../machines/mount.js';
import type { MountStepInput, MountSurvey } from '../../machines/mount-setup.js';
import type { ContentRecord } from '../../machines/record.js';
import { vethMachine } from '../../machines/veth-pair.js';
import { VETH_STEPS, type VethStepInput, type VethSurvey } from '../../machines/veth-pair-setup.js';
import * as data from './relations/content-data.js';

const INIT = { type: 'INIT', at: 1, request: data.request } as const;
const DISPOSE = { type: 'DISPOSE', at: 2, disposal: data.saving } as const;

describe('attachments of content', () => {
  it('live beside it, are taken away one by one, networks first, and then the content is saved', async () => {
    const { actor, done } = await inUse();
    for (const attachment of [data.mount, data.veth]) actor.send({ type: 'ATTACH', at: 1, attachment });
    await expect.poll(() => [...done]).toContain('record attached of network');
    done.length = 0;
    actor.send(DISPOSE);
    await toPromise(actor);
    expect(done).toEqual([
      ...['record wrapping-up', 'run pre-stop', 'record wrapping-up', 'quiesce'],
      ...['record detaching of network', 'undo raise', 'undo configure', 'undo attach', 'undo create'],
      ...['record absent of network'],
      ...['record detaching of proc:/proc', 'unmount', 'record absent of proc:/proc'],
      ...['back up', 'verify', 'record removing', 'remove', 'record gone'],
    ]);
  });

  it('are taken away after everything else that a stop brings along, and nothing of it happens twice', async () => {
    const { actor, done, passTimer } = await inUse();
    for (const attachment of [data.mount, data.veth]) actor.send({ type: 'ATTACH', at: 1, attachment });
    await expect.poll(() => [...done]).toContain('record attached of network');
    passTimer();
    await expect.poll(() => [...done]).toContain('back up in use');
    await waitFor(actor, (snapshot) => snapshot.matches({ available: 'idle' }));
    done.length = 0;
    actor.send({ type: 'SNAPSHOT', at: 2, ticket: 7, name: 'first' });
    actor.send({ type: 'SNAPSHOT', at: 2, ticket: 8, name: 'second' });
    for (let times = 0; times < 3; times += 1)
      actor.send({ ...DISPOSE, disposal: { ...data.saving, backupLogs: true } });
    const { context } = actor.getSnapshot();
    await toPromise(actor);
    expect(context.snapshots.map(({ state }) => state)).toEqual(['pending', 'pending']);
    expect(actor.getSnapshot().context.snapshots.map(({ state }) => state)).toEqual([
      'available',
      'available',
    ]);
    expect(done).toEqual([
      ...['record available', 'record wrapping-up'],
      ...['run pre-stop', 'record wrapping-up', 'quiesce', 'upload logs', 'record wrapping-up'],
      ...['make first', 'record wrapping-up', 'make second', 'record wrapping-up'],
      ...['record detaching of network', 'undo raise', 'undo configure', 'undo attach', 'undo create'],
      ...['record absent of network'],
      ...['record detaching of proc:/proc', 'unmount', 'record absent of proc:/proc'],
      ...['back up', 'verify', 'record removing', 'remove', 'record gone'],
    ]);
  });

  it('leave the list when they come to nothing, and their name is free again', async () => {
    const { actor, done } = await inUse({ failing: 'mount' });
    actor.send({ type: 'ATTACH', at: 1, attachment: data.mount });
    await waitFor(actor, ({ context }) => done.includes('unmount') && context.attachments.length === 0);
    expect(actor.getSnapshot().children).not.toHaveProperty('mount:proc:/proc');
    actor.send({ type: 'ATTACH', at: 2, attachment: data.mount });
    expect(actor.getSnapshot().context.attachments).toHaveLength(1);
  });

  it('that will not end are left behind when their time is up, and the content is saved all the same', async () => {
    const { actor, done, passDeadline } = await inUse({ hanging: 'unmount' });
    actor.send({ type: 'ATTACH', at: 1, attachment: data.mount });
    await expect.poll(() => [...done]).toContain('record attached of proc:/proc');
    actor.send(DISPOSE);
    await waitFor(actor, (snapshot) => snapshot.matches({ wrappingUp: 'detaching' }));
    passDeadline();
    await toPromise(actor);
    expect(done.slice(-5)).toEqual([...['back up', 'verify', 'record removing', 'remove', 'record gone']]);
  });

  it('come back with the content, each from its own record, and are taken away before the content is removed', async () => {
    const attachments: RecordedAttachment[] = [
      { attachment: data.mount, step: 'detaching' },
      { attachment: data.veth, step: 'attached' },
    ];
    const { actor, done } = running(
      recorded({ step: 'removing', setup: data.setup, disposal: data.discarding, attachments }),
    );
    await toPromise(actor);
    expect(done.slice(0, -2).sort()).toEqual([
      ...['record absent of network', 'record absent of proc:/proc', 'record detaching of network'],
      ...['undo attach', 'undo configure', 'undo create', 'undo raise', 'unmount'],
    ]);
    expect(done.slice(-2)).toEqual(['remove', 'record gone']);
  });
});

interface Trouble {
  readonly failing?: string;
  readonly hanging?: string;
}

/** Content that is set up and in use. */
async function inUse(trouble: Trouble = {}) {
  const begun = running({ kind: 'new', identity: data.identity(), limits: data.limits, at: 0 }, trouble);
  begun.actor.send(INIT);
  await waitFor(begun.actor, (snapshot) => snapshot.matches({ available: 'idle' }));
  begun.done.length = 0;
  return begun;
}

/** The machine with effects that are only noted; deadlines come when a test says so. */
function running(input: ContentInput, { failing, hanging }: Trouble = {}) {
  const done: string[] = [];
  const deadlines = new Map<() => void, number>();
  const deadline = fromPromise<Drawn, { readonly at: number }>(
    ({ input: { at }, signal }) =>
      new Promise((resolve) => {
        const pass = () => resolve({ at, jitter: 0 });
        deadlines.set(pass, at);
        signal.addEventListener('abort', () => deadlines.delete(pass));
      }),
  );
  const note = async (what: string) => {
    done.push(what);
    if (what === hanging) await new Promise(() => {});
    if (what === failing) throw { at: 3, code: 'process-failed', message: 'no', retryable: true, jitter: 0 };
    return { at: 3, jitter: 0.5 };
  };
  const recordStep = <Input extends AttachmentRecordInput>() =>
    fromPromise<StepDone, Input>(async ({ input: { context, step } }) => ({
      ...(await note(`record ${step} of ${context.plan.name}`)),
      step,
    }));
  const actor = createActor(
    contentMachine.provide({
      actors: {
        deadline,
        writeRecord: fromPromise<Done & { readonly step: RecordedStep }, RecordInput>(
          async ({ input: { step } }) => ({
            ...(await note(`record ${step}`)),
            step,
          }),
        ),
        survey: fromPromise<Survey, StepInput>(async () => ({
          at: 3,
          content: 'present',
          credentials: 'available',
          isAnnounced: true,
          jitter: 0.5,
        })),
        reserve: fromPromise(() => note('reserve')),
        initialize: fromPromise(async () => ({ ...(await note('initialize')), setup: data.setup })),
        seal: fromPromise(() => note('seal')),
        announce: fromPromise(() => note('announce')),
        runJob: fromPromise(async ({ input: { job } }: { input: JobInput }) => ({
          ...(await note(job?.kind === 'snapshot' ? `make ${job.name}` : 'back up in use')),
          reference: data.reference(3),
        })),
        runPreStop: fromPromise<PreStopDone, StepInput>(async () => ({
          ...(await note('run pre-stop')),
          report: data.preStop,
        })),
        uploadLogs: fromPromise(() => note('upload logs')),
        backupTimer: backupTimerMachine.provide({
          actors: {
            deadline,
            writeRecord: fromPromise<Done, BackupTimerRecordInput>(() => note('record the timer')),
          },
        }),
        quiesce: fromPromise<Drawn & { readonly git: GitReport | undefined }, StepInput>(async () => ({
          ...(await note('quiesce')),
          git: undefined,
        })),
        finalBackup: fromPromise(async () => ({ ...(await note('back up')), reference: data.reference(3) })),
        verifyBackup: fromPromise(() => note('verify')),
        remove: fromPromise(() => note('remove')),
        mount: mountMachine.provide({
          actors: {
            deadline,
            writeRecord: recordStep<MountStepInput & { readonly step: AttachmentStep }>(),
            survey: fromPromise<MountSurvey, MountStepInput>(async () => ({ at: 3, found: 'whole' })),
            mount: fromPromise<Done, MountStepInput>(() => note('mount')),
            unmount: fromPromise<Done, MountStepInput & { readonly force: boolean }>(() => note('unmount')),
          },
        }),
        vethPair: vethMachine.provide({
          actors: {
            deadline,
            writeRecord: recordStep<VethStepInput & { readonly step: AttachmentStep }>(),
            survey: fromPromise<VethSurvey, VethStepInput>(async () => ({ at: 3, found: VETH_STEPS })),
            perform: fromPromise(({ input: { step } }) => note(step)),
            undo: fromPromise(({ input: { step } }) => note(`undo ${step}`)),
          },
        }),
      },
    }),
    { input },
  );
  actor.start();
  /** The deadline of the content's own wait is past. */
  const passDeadline = () => {
    const wanted = actor.getSnapshot().context.deadline;
    for (const [pass, at] of deadlines) if (at === wanted) pass();
  };
  /** The next backup is due. */
  const passTimer = () => {
    const wanted = dueAt(actor.getSnapshot().children['timer:backup']?.getSnapshot());
    for (const [pass, at] of deadlines) if (at === wanted) pass();
  };
  return { actor, done, passDeadline, passTimer };
}

type PreStopDone = Drawn & { readonly report: Omit<PreStopReport, 'at'> };

interface StepDone extends Done {
  readonly step: AttachmentStep;
}

interface AttachmentRecordInput {
  readonly context: { readonly plan: { readonly name: string } };
  readonly step: AttachmentStep;
}

/** An actor that comes back from a record. */
function recorded(changes: Partial<ContentRecord>): ContentInput {
  const begin = data.starts.find(({ name }) => name === 'back: available');
  if (begin === undefined || !('record' in begin.input)) throw new Error('no record to start from');
  const record = { ...Object(begin.input.record), ...changes };
  return { kind: 'recorded', record, limits: data.limits, at: 0 };
}

/** When a backup timer has the next backup due. */
function dueAt(snapshot: object | undefined): number | undefined {
  const context: unknown = snapshot !== undefined && 'context' in snapshot ? snapshot.context : undefined;
  if (typeof context !== 'object' || context === null || !('nextAt' in context)) return undefined;
  return typeof context.nextAt === 'number' ? context.nextAt : undefined;
}
