import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EnvironmentVariable, WorkspacePhase, WorkspaceType } from '../../src/gen/ws-manager-api/core.js';
import { type StartChange, startRequest } from '../manager/rig.js';
import { isAlive } from '../runtime/local/support.js';
import { ManagerPlace } from './support/manager-place.js';

const { STOPPED } = WorkspacePhase;
const { PREBUILD, IMAGEBUILD, REGULAR } = WorkspaceType;
let place: ManagerPlace;

beforeEach(async () => {
  place = await ManagerPlace.make();
});

afterEach(() => place.clear());

function variable(name: string, value: string): EnvironmentVariable {
  return EnvironmentVariable.fromPartial({ name, value });
}

function commanded(...command: string[]) {
  return { metadata: { annotations: { 'steward.dev/command': JSON.stringify(command) } } };
}

async function run(change: StartChange) {
  await place.manager.startWorkspace(startRequest(change));
  const { conditions } = await place.until(({ phase }) => phase === STOPPED);
  return { failed: conditions?.failed, task: conditions?.headlessTaskFailed };
}

function logOf(task: string): Promise<string> {
  return readFile(join(place.content('instance-1'), '.gitpod', `prebuild-log-${task}`), 'utf8');
}

describe('a workspace that nobody is at', () => {
  test('runs its tasks in order of their parts, tells success, and stops', async () => {
    const tasks = [
      {
        name: 'one',
        before: 'echo before',
        init: 'echo init $MINE',
        env: { MINE: "it's mine" },
        command: 'echo never',
      },
      { prebuild: 'echo prebuild $MINE' },
      { command: 'echo never' },
    ];
    const spec = { envvars: [variable('GITPOD_TASKS', JSON.stringify(tasks))] };
    expect(await run({ type: PREBUILD, spec })).toEqual({ failed: '', task: '' });
    expect(await logOf('0')).toBe("before\ninit it's mine\n");
    expect(await logOf('1')).toBe('prebuild\n');
    expect(await logOf('2')).toBe('');
  });

  test('tells that a task failed, which is no failure of the workspace', async () => {
    const tasks = [{ init: 'echo first; exit 5' }, { before: 'false', init: 'echo not reached' }];
    const spec = { envvars: [variable('GITPOD_TASKS', JSON.stringify(tasks))] };
    expect(await run({ type: PREBUILD, spec })).toEqual({
      failed: '',
      task: 'headless task failed: exit code 5',
    });
    expect([await logOf('0'), await logOf('1')]).toEqual(['first\n', '']);
  });

  test.each([
    [PREBUILD, 0, ''],
    [IMAGEBUILD, 3, 'headless task failed: exit code 3'],
  ])('of type %i may have a command instead, here one that ends with %i', async (type, code, task) => {
    const change = commanded('/bin/sh', '-c', `echo "it's done"; exit ${code}`);
    expect(await run({ type, ...change })).toEqual({ failed: '', task });
    expect(await logOf('0')).toBe("it's done\n");
  });

  test('without tasks is done at once', async () => {
    expect(await run({ type: PREBUILD })).toEqual({ failed: '', task: '' });
  });

  test.each(['nonsense', '{}', '[1]', '[{"init": 1}]', '[{"env": {"A-B": "x"}}]'])(
    'with tasks that are none (%s) is refused',
    async (tasks) => {
      const request = startRequest({ type: PREBUILD, spec: { envvars: [variable('GITPOD_TASKS', tasks)] } });
      await expect(place.manager.startWorkspace(request)).rejects.toMatchObject({ code: 'invalid-argument' });
    },
  );
});

describe('a command that', () => {
  test('does not exist is told with its exit code, and its log says which', async () => {
    expect((await run({ type: REGULAR, ...commanded('no-such-program') })).failed).toContain('exit code 127');
    let said = '';
    for await (const { data } of place.runtime.logs({
      instanceId: 'instance-1',
      follow: false,
      tailLines: 1,
    })) {
      said += data.toString();
    }
    expect(said).toContain('no-such-program');
  });

  test('forks away has ended for its workspace, and what it left is gone', async () => {
    const script =
      'setsid sh -c "echo \\$\\$ >away; exec sleep 1000" & while [ ! -s away ]; do sleep 0.01; done';
    const { failed } = await run({ type: REGULAR, ...commanded('/bin/sh', '-c', script) });
    expect(failed).toContain('although nobody asked for it');
    expect(isAlive(await place.soon('away'))).toBe(false);
  });

  test('has a variable the system cannot take is told so', async () => {
    const spec = { envvars: [variable('HUGE', 'x'.repeat(200_000))] };
    expect((await run({ type: REGULAR, spec })).failed).toContain('larger than the system allows');
  });
});
