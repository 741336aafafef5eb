import { WORKSPACES_MARKER } from '../../src/daemon/area.js';
import type { Callers } from './calls.js';
import { difference } from './disk-view.js';
import { AREA, type Life, STORAGE } from './life.js';
import { InstanceModel } from './model.js';
import { EMPTY, initRequest, PASSWORD } from './requests.js';
import type { Run } from './run.js';
import { NO_FAULTS } from './settings.js';

/** Within so much virtual time after the last fault everything has come to rest. */
export const CONVERGE_MS = 4 * 3_600_000;
const LOOK_MS = 60_000;

/** Faults stop. Everything must come to rest by itself, stay as it is over a restart, and leave nothing behind. */
export async function finish(run: Run, callers: Callers): Promise<void> {
  heal(run);
  if (run.life === undefined) await run.start();
  run.require(8, run.life !== undefined, 'the daemon does not start although nothing is wrong any more');
  if (run.broken === undefined) await comeToRest(run);
  if (run.broken === undefined) await wakeParked(run, callers);
  if (run.broken === undefined) checkContents(run, callers);
  if (run.broken === undefined) await restart(run);
  if (run.broken === undefined) await comeToRest(run);
  if (run.broken === undefined) checkContents(run, callers);
  if (run.broken === undefined) await disposeAll(run, callers);
  if (run.broken === undefined) await restoreAll(run, callers);
  if (run.broken === undefined) await restart(run);
  if (run.broken === undefined) await checkNothingLeft(run);
  run.checkGenerations();
  await run.settleChecks();
}

export function heal(run: Run): void {
  run.log('faults stop');
  run.disarm();
  run.trouble.rates = NO_FAULTS;
  run.trouble.plan = () => undefined;
  run.lies.end();
  run.mountStorage();
  run.freeDisk();
}

/** Every call answered, every instance in use or parked with a reason, no timer, no process. */
export async function comeToRest(run: Run): Promise<void> {
  const until = run.now + CONVERGE_MS;
  while (run.broken === undefined && run.now < until && restless(run).length > 0) await run.pass(LOOK_MS);
  const left = restless(run);
  const calls = left.filter((text) => text.startsWith('call'));
  run.require(7, calls.length === 0, `without an answer: ${calls.join(', ')}`);
  run.require(8, left.length === 0, `not at rest: ${left.join(', ')}`);
}

function restless(run: Run): readonly string[] {
  const { life, world } = run;
  if (life === undefined) return ['the daemon'];
  const parked = life.parked();
  const left = [...run.pending].map(({ name }) => `call ${name}`);
  for (const { instance } of life.core.instances.identities()) {
    const step = life.core.instances.find(instance)?.view.step ?? 'between two lives';
    if (step !== 'available.idle' && !parked.includes(instance)) left.push(`${instance} is ${step}`);
  }
  // Those of the disk too: an operation that hung when faults stopped may take its time.
  const owned = timersOwned(life);
  if (world.time.pending > owned) left.push(`${world.time.pending - owned} timers`);
  left.push(...world.processes.commands.map((command) => `process ${command}`));
  return left;
}

/** Content in use waits for its next backup. */
function timersOwned(life: Life): number {
  const { instances } = life.core;
  return [...instances.identities()].filter(({ instance }) => {
    const view = instances.find(instance)?.view;
    return view?.step === 'available.idle' && view.context.limits.backupPeriodMs > 0;
  }).length;
}

/** What failed too often waits for a person, and goes on when one comes. */
async function wakeParked(run: Run, callers: Callers): Promise<void> {
  for (const id of run.life?.parked() ?? []) {
    const model = run.instances.get(id);
    run.log(`${id} is parked`);
    if (model === undefined) continue;
    callers.dispose(model, true);
    await comeToRest(run);
    run.require(
      8,
      !run.life?.core.instances.owns(model.id),
      `${id} stays parked although nothing is wrong any more`,
    );
  }
}

/** Content in use is what its user left there. */
function checkContents(run: Run, callers: Callers): void {
  for (const model of run.instances.values()) {
    const expected = model.versions.at(-1);
    if (!callers.isInUse(model) || expected === undefined) continue;
    const found = run.disk.content(AREA.contentOf(model.id)) ?? new Map();
    const problem = difference(found, expected);
    run.require('told', problem === undefined, `the content of ${model.id} at rest: ${problem}`);
  }
}

async function restart(run: Run): Promise<void> {
  const { life } = run;
  if (life === undefined) return;
  const stopping = life.stop();
  stopping.catch((error: unknown) => run.break(error));
  run.require(7, await run.within(stopping, LOOK_MS), 'an idle daemon does not stop');
  run.crash('kill');
  run.require(8, await run.start(), 'the daemon does not start again');
}

/** All are saved and go; whoever asks once more hears the same. */
async function disposeAll(run: Run, callers: Callers): Promise<void> {
  callers.isTroubled = false;
  for (const round of ['first', 'second']) {
    for (const model of run.instances.values()) {
      const isKnown = run.life?.core.instances.owns(model.id) || run.life?.core.instances.finished(model.id);
      if (isKnown) callers.dispose(model, true);
    }
    run.log(`dispose of all, ${round} time`);
    await comeToRest(run);
  }
  const left = [...(run.life?.core.instances.identities() ?? [])].map(({ instance }) => instance);
  run.require(3, left.length === 0, `after Dispose of all there are ${left.join(', ')}`);
}

/** The newest backup of every workspace comes back as it was saved. */
async function restoreAll(run: Run, callers: Callers): Promise<void> {
  const workspaces = new Set([...run.instances.values()].map(({ workspace }) => workspace));
  for (const workspace of workspaces) {
    const model = new InstanceModel(
      `again-${workspace}`,
      workspace,
      initRequest(`again-${workspace}`, workspace, EMPTY),
    );
    run.instances.set(model.id, model);
    callers.init(model);
    await comeToRest(run);
    run.require(1, model.isReady, `workspace ${workspace} cannot be set up again`);
    callers.dispose(model, true);
    await comeToRest(run);
  }
}

async function checkNothingLeft(run: Run): Promise<void> {
  const storage = run.life?.place.storage;
  await run.within(storage?.check(new AbortController().signal) ?? Promise.resolve(), LOOK_MS);
  const setAside = [...run.instances.values()].filter(({ isSetAside }) => isSetAside).map(({ id }) => id);
  const known = [WORKSPACES_MARKER, ...setAside];
  const names = [...run.disk.names(AREA.workspaces), ...run.disk.names(AREA.quarantine)];
  const folders = names.filter((name) => !name.startsWith('.') && !known.some((id) => name.startsWith(id)));
  run.require(6, folders.length === 0, `content folders without an owner: ${folders.join(', ')}`);
  const removals = run.disk.names(AREA.removals);
  run.require(6, removals.length === 0, `content that is not removed: ${removals.join(', ')}`);
  const secrets = run.disk.names(AREA.secrets);
  run.require(6, secrets.length === 0, `secrets of nobody: ${secrets.join(', ')}`);
  const temporary = [...run.disk.paths(AREA.root), ...run.disk.paths(STORAGE)]
    .filter((path) => /\.tmp$|\/lock\.|\/\.uploads\/[^/]+\/./.test(path))
    .filter((path) => !setAside.some((id) => path.startsWith(AREA.contentOf(id))))
    .filter((path) => !path.startsWith(AREA.chains));
  run.require(6, temporary.length === 0, `temporary files: ${temporary.join(', ')}`);
  const told = [AREA.root, STORAGE]
    .flatMap((root) => run.disk.paths(root))
    .filter((path) => run.disk.bytes(path)?.includes(PASSWORD));
  run.require(6, told.length === 0, `a password is in ${told.join(', ')}`);
  // A power cut may bring back what was removed of caches, until housekeeping takes it away.
  await run.keepHouse([]);
  const chains = run.disk.names(AREA.chains).filter((name) => !setAside.some((id) => id === name));
  run.require(6, chains.length === 0, `chains of nobody: ${chains.join(', ')}`);
}
