import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Housekeeping } from '../../../src/daemon/housekeeping/housekeeping.js';
import { callContext, instanceId, type RealCore, realCore } from '../../support/core.js';
import { type BeforeOperation, gate, interceptFiles } from '../../support/intercepted-files.js';
import { emptyWorkspace } from '../../support/real-daemon.js';
import { never } from './rig.js';

const HOUR = 3_600_000;

let daemon: RealCore;

beforeEach(async () => {
  daemon = await realCore();
});
afterEach(async () => daemon.close());

it('takes nothing of an Init that comes while it puts away what lay under the same name', async () => {
  await abandoned(content());
  const [reached, moving] = [gate(), gate()];
  const told: string[] = [];
  const round = roundWith(told, async (operation, path) => {
    if (operation !== 'write' || !path.endsWith('note.json')) return;
    reached.open();
    await moving.passed;
  });
  await reached.passed;
  // Somebody else clears the way meanwhile: all an Init sees is a free name.
  await rm(content(), { recursive: true });
  await expect(init()).rejects.toMatchObject({ code: 'unavailable', entry: { retryable: true } });
  moving.open();
  await round;
  expect(told).toEqual([expect.stringContaining('failed')]);
  await init();
  await writeFile(join(content(), 'work.txt'), 'mine');
  await utimes(content(), 1, 1);
  await roundWith(told, () => undefined);
  expect(await readFile(join(content(), 'work.txt'), 'utf8')).toBe('mine');
});

it('leaves the credentials alone that an Init has just kept', async () => {
  const secrets = daemon.area.secretsOf(instanceId('i1'));
  await mkdir(daemon.area.secrets, { recursive: true });
  await writeFile(secrets, '{}');
  await utimes(secrets, 1, 1);
  const [reached, removing] = [gate(), gate()];
  const told: string[] = [];
  const round = roundWith(told, async (operation, path) => {
    if (operation !== 'remove' || path !== secrets) return;
    reached.open();
    await removing.passed;
  });
  await reached.passed;
  await expect(init()).rejects.toMatchObject({ code: 'unavailable' });
  removing.open();
  await round;
  expect(told).toEqual([`cleaned ${secrets}`]);
  await init();
});

const content = () => daemon.area.contentOf(instanceId('i1'));
const init = () => daemon.calls.initWorkspace(emptyWorkspace('i1'), callContext());

async function abandoned(folder: string): Promise<void> {
  await mkdir(folder);
  await utimes(folder, 1, 1);
}

async function roundWith(told: string[], before: BeforeOperation): Promise<void> {
  const { world, area, core } = daemon;
  const housekeeping = new Housekeeping({
    world: { ...world, files: interceptFiles(world.files, before) },
    area,
    settings: { minAgeMs: HOUR, keepMs: HOUR, minFreeBytes: 0 },
    hasActor: (instance) => core.instances.owns(instance),
    keepOut: (instance) => core.instances.keepOut(instance),
    listener: {
      quarantined: (path) => told.push(`quarantined ${path}`),
      removed: () => undefined,
      cleaned: (path) => told.push(`cleaned ${path}`),
      failed: (path) => told.push(`failed ${path}`),
      inQuarantine: () => undefined,
    },
  });
  await housekeeping.open();
  await housekeeping.round(never);
}
