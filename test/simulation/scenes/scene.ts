import type { Callers } from '../calls.js';
import { InstanceModel } from '../model.js';
import { EMPTY, fromGit, initRequest } from '../requests.js';
import { comeToRest } from '../rest.js';
import type { Run } from '../run.js';
import type { Settings } from '../settings.js';
import { edit } from '../user.js';

/** A piece of a workspace's life that is disturbed at each of its operations in turn. */
export interface Scene {
  /** What is kept of backups; absent: as by default. */
  readonly policy?: Settings['policy'];
  /** Leads up to it, undisturbed. */
  prepare(run: Run, callers: Callers): Promise<void>;
  /** What is disturbed; resolves when it is over or was cut off. */
  act(run: Run, callers: Callers): Promise<void>;
  /** When nothing is wrong any more: what was cut off is asked for again, and has come right then. */
  after?(run: Run, callers: Callers): Promise<void>;
}

/** Longer than any call of a scene may take, failed attempts and pauses included. */
export const SCENE_MS = 3_600_000;

/** With content of its own that somebody has worked on. */
export async function inUse(run: Run, callers: Callers, id: string): Promise<void> {
  const model = instance(run, id);
  await answered(run, () => callers.init(model));
  work(run, id);
  await comeToRest(run);
}

/** Somebody works in the content. */
export function work(run: Run, id: string): void {
  for (let change = 0; change < 3; change += 1) edit(run, instance(run, id), run.random);
}

/** Backups of content that somebody works on meanwhile: a full one first, then increments. */
export async function backups(run: Run, callers: Callers, id: string, count: number): Promise<void> {
  for (let made = 0; made < count; made += 1) {
    await answered(run, () => callers.backup(instance(run, id)));
    work(run, id);
  }
}

export async function answered(run: Run, call: () => void): Promise<void> {
  call();
  for (let passed = 0; passed < SCENE_MS && run.pending.size > 0; passed += 1_000) await run.pass(1_000);
}

/** As `answered`, for what is not one of the callers' calls; false when it failed or was cut off. */
export async function succeeds(run: Run, work: Promise<unknown>): Promise<boolean> {
  let isDone = false;
  const watched = work.then(
    () => {
      isDone = true;
    },
    (error: unknown) => run.log(`failed: ${error}`),
  );
  await run.within(watched, SCENE_MS);
  return isDone;
}

export function instance(run: Run, id: string, source: 'git' | 'empty' = 'empty'): InstanceModel {
  const known = run.instances.get(id);
  if (known !== undefined) return known;
  const initializer = source === 'git' ? fromGit('project') : EMPTY;
  const model = new InstanceModel(id, 'w1', initRequest(id, 'w1', initializer));
  run.instances.set(id, model);
  return model;
}
