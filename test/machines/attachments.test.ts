import { describe, expect, it } from 'vitest';
import { createActor, fromPromise, toPromise, waitFor } from 'xstate';
import { type AttachmentStep, attachmentLimits } from '../../machines/attachment.js';
import type { Failure } from '../../machines/content-types.js';
import type { Done, Drawn } from '../../machines/effect.js';
import { mountMachine } from '../../machines/mount.js';
import type { MountStepInput, MountSurvey } from '../../machines/mount-setup.js';
import { vethMachine } from '../../machines/veth-pair.js';
import type { VethStep, VethStepInput, VethSurvey } from '../../machines/veth-pair-setup.js';
import { identity } from './relations/content-data.js';

const FAILURE: Failure = { at: 5, code: 'process-failed', message: 'no', retryable: true, jitter: 0 };
const { instance } = identity();
const plan = { name: 'proc:/proc', type: 'proc', target: '/proc' } as const;

describe('a mount', () => {
  it('records before it mounts and before it unmounts, and ends clean', async () => {
    const { actor, done } = mounting({});
    actor.on('MOUNTED', () => done.push('MOUNTED'));
    actor.send({ type: 'MOUNT', at: 1 });
    await waitFor(actor, (snapshot) => snapshot.matches('mounted'));
    actor.send({ type: 'STOP', at: 2 });
    expect(await toPromise(actor)).toEqual({ at: 3, how: 'clean', failure: undefined });
    expect(done).toEqual([
      ...['record attaching', 'mount', 'record attached', 'MOUNTED'],
      ...['record detaching', 'unmount', 'record absent'],
    ]);
  });

  it('undoes half a mount and says why', async () => {
    const { actor, done } = mounting({ fail: ['mount'] });
    actor.send({ type: 'MOUNT', at: 1 });
    expect(await toPromise(actor)).toEqual({ at: 3, how: 'clean', failure: FAILURE });
    expect(done).toEqual(['record attaching', 'mount', 'unmount', 'record absent']);
  });

  it('lets a mount under way end before it takes it away', async () => {
    const { actor, done } = mounting({});
    actor.send({ type: 'MOUNT', at: 1 });
    actor.send({ type: 'STOP', at: 2 });
    expect(await toPromise(actor)).toEqual({ at: 3, how: 'clean', failure: undefined });
    expect(done).toEqual(['record attaching', 'record absent']);
  });

  it('is forced after gentle attempts, and leaked when force does not help either', async () => {
    const stubborn = mounting({ fail: ['unmount', 'unmount', 'unmount'], recorded: 'detaching' });
    expect(await toPromise(stubborn.actor)).toMatchObject({ how: 'forced' });
    expect(stubborn.done.filter((step) => step.startsWith('unmount'))).toEqual([
      ...['unmount', 'unmount', 'unmount', 'unmount by force'],
    ]);
    const lost = mounting({ fail: ['unmount', 'unmount', 'unmount', 'unmount'], recorded: 'detaching' });
    expect(await toPromise(lost.actor)).toEqual({ at: 5, how: 'leaked', failure: FAILURE });
  });

  it('says that it is gone when a restart finds nothing of it', async () => {
    const { actor } = mounting({ recorded: 'attached', found: 'nothing' });
    expect(await toPromise(actor)).toMatchObject({ how: 'clean', failure: { code: 'attachment-missing' } });
  });
});

describe('a veth pair', () => {
  it('is undone newest step first, the failed one included', async () => {
    const done: string[] = [];
    const actor = createActor(vethMachine.provide({ actors: vethEffects(done, 'configure') }), {
      input: { plan: { name: 'veth:0', pid: 7 }, instance, limits: attachmentLimits, at: 0 },
    }).start();
    actor.send({ type: 'CONNECT', at: 1 });
    expect(await toPromise(actor)).toEqual({ at: 3, how: 'clean', failure: FAILURE });
    expect(done).toEqual([
      ...['create', 'attach', 'configure'],
      ...['undo configure', 'undo attach', 'undo create'],
    ]);
  });

  it('is taken away after STOP', async () => {
    const done: string[] = [];
    const actor = createActor(vethMachine.provide({ actors: vethEffects(done) }), {
      input: { plan: { name: 'veth:0', pid: 7 }, instance, limits: attachmentLimits, at: 0 },
    }).start();
    actor.on('CONNECTED', () => done.push('CONNECTED'));
    actor.send({ type: 'CONNECT', at: 1 });
    await waitFor(actor, (snapshot) => snapshot.matches('up'));
    actor.send({ type: 'STOP', at: 2 });
    expect(await toPromise(actor)).toEqual({ at: 3, how: 'clean', failure: undefined });
    expect(done).toEqual([
      ...['create', 'attach', 'configure', 'raise', 'CONNECTED'],
      ...['undo raise', 'undo configure', 'undo attach', 'undo create'],
    ]);
  });
});

interface Options {
  /** Effects that fail, once per mention. */
  readonly fail?: readonly string[];
  readonly recorded?: AttachmentStep;
  readonly found?: 'whole' | 'nothing';
}

/** A mount whose effects are noted; pauses are over at once, other deadlines never come. */
function mounting({ fail = [], recorded, found = 'whole' }: Options) {
  const done: string[] = [];
  const failures = [...fail];
  const attempt = (effect: string, note = effect) => {
    done.push(note);
    const index = failures.indexOf(effect);
    if (index < 0) return Promise.resolve({ at: 3 });
    failures.splice(index, 1);
    return Promise.reject(FAILURE);
  };
  const machine = mountMachine.provide({
    actors: {
      deadline: pausesOnly(() => actor.getSnapshot().matches('pausing')),
      writeRecord: fromPromise(async ({ input }) => {
        done.push(`record ${input.step}`);
        return { at: 3, step: input.step };
      }),
      survey: fromPromise<MountSurvey, MountStepInput>(async () => ({ at: 3, found })),
      mount: fromPromise(() => attempt('mount')),
      unmount: fromPromise(({ input }) => attempt('unmount', input.force ? 'unmount by force' : 'unmount')),
    },
  });
  const input = {
    plan,
    instance,
    limits: attachmentLimits,
    at: 0,
    ...(recorded === undefined ? {} : { recorded }),
  };
  const actor = createActor(machine, { input });
  actor.start();
  return { actor, done };
}

/** A deadline that comes at once in a pause, and never in a wait. */
function pausesOnly(isPause: () => boolean) {
  return fromPromise<Drawn, { readonly at: number }>(async ({ input }) => {
    await Promise.resolve();
    return isPause() ? { at: input.at, jitter: 0 } : new Promise(() => {});
  });
}

function vethEffects(done: string[], failing?: string) {
  return {
    deadline: fromPromise<Drawn, { readonly at: number }>(() => new Promise(() => {})),
    writeRecord: fromPromise<Recorded, VethStepInput & { readonly step: AttachmentStep }>(
      async ({ input }) => ({
        at: 3,
        step: input.step,
      }),
    ),
    survey: fromPromise<VethSurvey, VethStepInput>(async () => ({ at: 3, found: [] })),
    perform: fromPromise<Done, VethStepInput & { readonly step: VethStep }>(async ({ input }) => {
      done.push(input.step);
      if (input.step === failing) throw FAILURE;
      return { at: 3 };
    }),
    undo: fromPromise<Done, VethUndoInput>(async ({ input }) => {
      done.push(`undo ${input.step}`);
      return { at: 3 };
    }),
  };
}

type Recorded = Done & { readonly step: AttachmentStep };
type VethUndoInput = VethStepInput & { readonly step: VethStep | undefined; readonly force: boolean };
