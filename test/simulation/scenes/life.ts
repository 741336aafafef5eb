import { answered, backups, instance, inUse, SCENE_MS, type Scene } from './scene.js';

/** What callers of the workspace service ask for. */
export const LIFE_SCENES: Readonly<Record<string, Scene>> = {
  'a first set-up': {
    prepare: async () => undefined,
    act: (run, callers) => answered(run, () => callers.init(instance(run, 'i1', 'git'))),
  },
  'a restore of a chain': {
    prepare: async (run, callers) => {
      await inUse(run, callers, 'i0');
      await backups(run, callers, 'i0', 2);
      await answered(run, () => callers.dispose(instance(run, 'i0'), true));
    },
    act: (run, callers) => answered(run, () => callers.init(instance(run, 'i1'))),
  },
  'a backup': {
    prepare: (run, callers) => inUse(run, callers, 'i1'),
    act: (run, callers) => answered(run, () => callers.backup(instance(run, 'i1'))),
  },
  'an incremental backup': {
    prepare: async (run, callers) => {
      await inUse(run, callers, 'i1');
      await backups(run, callers, 'i1', 1);
    },
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
