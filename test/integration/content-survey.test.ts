import { chmod, link, mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CHAIN_TICK_MS } from '../../src/content/bounds.js';
import { beginning, isAtRest } from '../../src/content/chain.js';
import { readExcludes } from '../../src/content/exclude.js';
import { folderInodes } from '../../src/content/folder-inodes.js';
import { READY_MARKER } from '../../src/content/ready-marker.js';
import { surveyFolder, surveyUntouched } from '../../src/content/survey.js';
import { SurveyBeside } from '../../src/content/survey-beside.js';
import { isUntouched } from '../../src/content/untouched.js';
import { sleep } from '../../src/gateways/clock.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { newPlace, noAbort, withProcesses } from '../content/support/place.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const world = realWorld();
const markerFolder = dirname(READY_MARKER);

describe('a survey of what nobody touched', () => {
  it('is a whole one when nobody did', async () => {
    expect(await isTouchedBy(async () => undefined)).toBe(false);
  });

  it.each<[string, (folder: string) => Promise<unknown>]>([
    ['a file was written to', (at) => writeFile(join(at, 'a/file'), 'other')],
    ['a file came', (at) => writeFile(join(at, 'a/more'), '')],
    ['a file went', (at) => rm(join(at, 'a/file'))],
    ['a file has another mode', (at) => chmod(join(at, 'a/file'), 0o600)],
    ['a file has an older time than before', (at) => utimes(join(at, 'a/file'), 1, 1)],
    ['a file has another name', (at) => rename(join(at, 'a/file'), join(at, 'a/other'))],
    ['a file has one more name', (at) => link(join(at, 'a/file'), join(at, 'a/again'))],
    ['a folder has moved', (at) => rename(join(at, 'a/b'), join(at, 'b'))],
    ['an empty folder went', (at) => rm(join(at, 'a/b'), { recursive: true })],
    ['a link leads elsewhere', (at) => replaceLink(join(at, 'link'))],
    ['a file beside our marker was written to', (at) => writeFile(join(at, markerFolder, 'file'), '')],
  ])('is none when %s', async (_what, touch) => {
    expect(await isTouchedBy(touch)).toBe(true);
  });

  it('is the same one when only our marker went', async () => {
    const folder = await content();
    await writeFile(join(folder, READY_MARKER), '{}');
    const before = await surveyFolder(world, folder, [], noAbort());
    const sinceMs = await later();
    await rm(join(folder, READY_MARKER));
    expect(await surveyUntouched(world, folder, [], sinceMs, noAbort())).toEqual(before);
    expect(await isUntouched(world, folder, [], sinceMs, noAbort())).toBe(true);
  });

  it('does not look at what is excluded', async () => {
    const folder = await content();
    await mkdir(join(folder, 'a/out'));
    const sinceMs = await later();
    await writeFile(join(folder, 'a/out/file'), '');
    const { excludes } = readExcludes(['/a/out']);
    expect(await isUntouched(world, folder, excludes, sinceMs, noAbort())).toBe(true);
  });
});

describe('a survey made beside tar', () => {
  it('is the one of the beginning when nothing was touched, and is made once more for who asks again', async () => {
    const { folder, begun, processes, surveys } = await besideSetting();
    const whole = await surveyFolder(world, folder, [], noAbort());
    const beside = new SurveyBeside(
      { world: { ...world, processes }, folder, excludes: [], begun },
      noAbort(),
    );
    expect(await beside.finish(noAbort())).toEqual(whole);
    expect(surveys()).toBe(1);
    expect(await beside.finish(noAbort())).toEqual(whole);
    expect(surveys()).toBe(2);
  });

  it('shows what was touched after it had gone by', async () => {
    const { folder, begun, processes, gone } = await besideSetting();
    const beside = new SurveyBeside(
      { world: { ...world, processes }, folder, excludes: [], begun },
      noAbort(),
    );
    await gone();
    await writeFile(join(folder, 'a/file'), 'something longer');
    const survey = await beside.finish(noAbort());
    expect(survey).toEqual(await surveyFolder(world, folder, [], noAbort()));
    expect(await isAtRest(world, folder, survey, begun)).toBe(false);
  });

  it('ends when nobody waits for it, and when who waits gives up', async () => {
    const { folder, begun } = await besideSetting();
    const beside = new SurveyBeside({ world, folder, excludes: [], begun }, noAbort());
    await beside.end();
    const other = new SurveyBeside({ world, folder, excludes: [], begun }, noAbort());
    await expect(other.finish(AbortSignal.abort(new Error('given up')))).rejects.toThrow('given up');
    await other.end();
  });
});

/** Content that was at rest at the beginning; `gone`: when everything started so far has ended. */
async function besideSetting() {
  const folder = await content();
  await later();
  const begun = beginning(world);
  const exits: Promise<unknown>[] = [];
  const looks: (readonly string[])[] = [];
  const place = withProcesses(newPlace(folder), {
    start: (command) => {
      const running = world.processes.start(command);
      exits.push(running.exit);
      looks.push(command.args);
      return running;
    },
  });
  const surveys = () => looks.filter((args) => !args.includes('-newerct')).length;
  return { folder, begun, processes: place.world.processes, surveys, gone: () => Promise.all(exits) };
}

it('is the same survey of a folder that nobody touched, and another one after a touch without a trace in it', async () => {
  const folder = await content();
  const before = await surveyFolder(world, folder, [], noAbort());
  expect(before).toMatchObject({ entries: 7, folders: 4, bytes: 7, hasLinkedFiles: false });
  expect(await surveyFolder(world, folder, [], noAbort())).toEqual(before);
  await later();
  await chmod(join(folder, 'a/file'), 0o600);
  await chmod(join(folder, 'a/file'), 0o644);
  const after = await surveyFolder(world, folder, [], noAbort());
  expect(after.treeDigest).toBe(before.treeDigest);
  expect(after.stateDigest).not.toBe(before.stateDigest);
  expect(after.changedAtMs).toBeGreaterThan(before.changedAtMs);
});

it('shows the inodes of folders, except of what is excluded', async () => {
  const folder = await content();
  await mkdir(join(folder, 'a/out'));
  const { excludes } = readExcludes(['/a/out']);
  const inodes = await folderInodes(world, folder, excludes, noAbort());
  for (const path of ['.', './a', './a/b', `./${markerFolder}`]) {
    const found = await world.files.stat(join(folder, path));
    expect(inodes.of(Buffer.from(path))).toBe(String(found?.inode));
  }
  expect(inodes.of(Buffer.from('./a/file'))).toBeUndefined();
  expect(inodes.of(Buffer.from('./a/out'))).toBeUndefined();
});

async function isTouchedBy(touch: (folder: string) => Promise<unknown>): Promise<boolean> {
  const folder = await content();
  const sinceMs = await later();
  await touch(folder);
  const isTouched = !(await isUntouched(world, folder, [], sinceMs, noAbort()));
  expect((await surveyUntouched(world, folder, [], sinceMs, noAbort())) === 'touched').toBe(isTouched);
  return isTouched;
}

/** Everything before is older than this, and everything afterwards is not. */
async function later(): Promise<number> {
  await sleep(world.clock, 3 * CHAIN_TICK_MS, noAbort());
  return world.clock.now() - CHAIN_TICK_MS;
}

async function content(): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'a/b'), { recursive: true });
  await mkdir(join(folder, markerFolder));
  await writeFile(join(folder, markerFolder, 'file'), 'ours');
  await writeFile(join(folder, 'a/file'), '123');
  await symlink('a/file', join(folder, 'link'));
  return folder;
}

async function replaceLink(path: string): Promise<void> {
  await rm(path);
  await symlink('a/none', path);
}
