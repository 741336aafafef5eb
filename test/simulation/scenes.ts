import type { Callers } from './calls.js';
import { InstanceModel } from './model.js';
import { EMPTY, fromGit, initRequest } from './requests.js';
import { comeToRest } from './rest.js';
import type { Run } from './run.js';
import { edit } from './user.js';

/** A piece of a workspace's life that is disturbed at each of its operations in turn. */
export interface Scene {
  /** Leads up to it, undisturbed. */
  prepare(run: Run, callers: Callers): Promise<void>;
  /** What is disturbed; resolves when it is over or was cut off. */
  act(run: Run, callers: Callers): Promise<void>;
}

/** Longer than any call of a scene may take, failed attempts and pauses included. */
const SCENE_MS = 3_600_000;

export const SCENES: Readonly<Record<string, Scene>> = {
  'a first set-up': {
    prepare: async () => undefined,
    act: (run, callers) => answered(run, () => callers.init(instance(run, 'i1', 'git'))),
  },
  'a set-up from a backup': {
    prepare: async (run, callers) => {
      await inUse(run, callers, 'i0');
      await answered(run, () => callers.dispose(instance(run, 'i0'), true));
    },
    act: (run, callers) => answered(run, () => callers.init(instance(run, 'i1'))),
  },
  'a backup': {
    prepare: (run, callers) => inUse(run, callers, 'i1'),
    act: (run, callers) => answered(run, () => callers.backup(instance(run, 'i1'))),
  },
  'a snapshot': {
    prepare: (run, callers) => inUse(run, callers, 'i1'),
    act: (run, callers) => answered(run, () => callers.snapshot(instance(run, 'i1'), false)),
  },
  'a promised snapshot': {
    prepare: (run, callers) => inUse(run, callers, 'i1'),
    act: async (run, callers) => {
      await answered(run, () => callers.snapshot(instance(run, 'i1'), true));
      if (run.life !== undefined) await run.pass(60_000);
    },
  },
  'a wrap-up with a backup': {
    prepare: (run, callers) => inUse(run, callers, 'i1'),
    act: (run, callers) => answered(run, () => callers.dispose(instance(run, 'i1'), true)),
  },
  'a wrap-up without a backup': {
    prepare: (run, callers) => inUse(run, callers, 'i1'),
    act: (run, callers) => answered(run, () => callers.dispose(instance(run, 'i1'), false)),
  },
  'a start after a kill in a wrap-up': {
    prepare: async (run, callers) => {
      await inUse(run, callers, 'i1');
      callers.dispose(instance(run, 'i1'), true);
      run.arm('kill', 40);
      await run.pass(SCENE_MS);
    },
    act: async (run) => {
      await run.start();
      if (run.life !== undefined) await run.pass(60_000);
    },
  },
};

/** With content of its own that somebody has worked on. */
async function inUse(run: Run, callers: Callers, id: string): Promise<void> {
  const model = instance(run, id);
  await answered(run, () => callers.init(model));
  for (let change = 0; change < 3; change += 1) edit(run, model, run.random);
  await comeToRest(run);
}

async function answered(run: Run, call: () => void): Promise<void> {
  call();
  for (let passed = 0; passed < SCENE_MS && run.pending.size > 0; passed += 1_000) await run.pass(1_000);
}

function instance(run: Run, id: string, source: 'git' | 'empty' = 'empty'): InstanceModel {
  const known = run.instances.get(id);
  if (known !== undefined) return known;
  const initializer = source === 'git' ? fromGit('project') : EMPTY;
  const model = new InstanceModel(id, 'w1', initRequest(id, 'w1', initializer));
  run.instances.set(id, model);
  return model;
}
