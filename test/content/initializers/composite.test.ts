import { describe, expect, test } from 'vitest';
import { initialize } from '../../../src/content/initialize.js';
import { planComposite } from '../../../src/content/initializers/composite.js';
import type { InitializeContext, InitializerPlan } from '../../../src/content/initializers/plan.js';
import { planOf } from '../../../src/content/initializers/table.js';
import { StewardError } from '../../../src/errors/steward-error.js';
import { SimulatedHttp } from '../../../src/gateways/simulated/http.js';
import { workspacePrograms } from '../../../src/gateways/simulated/programs/table.js';
import { SimulatedWorld } from '../../../src/gateways/simulated/world.js';
import { WorkspaceInitializer } from '../../../src/gen/content-service-api/initializer.js';
import { DirectoryStorage } from '../../../src/storage/directory.js';

const git = (checkoutLocation: string) => ({
  git: { remoteUri: 'https://example.org/x', config: {}, checkoutLocation },
});

describe('a composite', () => {
  test('of none does nothing, and is measured', async () => {
    const { run } = await setting();
    expect(await run({ composite: {} })).toMatchObject({
      source: 'from-other',
      metrics: [{ type: 'composite' }],
    });
  });

  test('runs its children in order, nested ones too, and keeps what each has made', async () => {
    const { files, run } = await setting();
    const result = await run({
      composite: {
        initializer: [git('one'), { composite: { initializer: [{ empty: {} }, git('two')] } }, git('one/in')],
      },
    });
    expect(result.metrics.map(({ type }) => type)).toEqual(['git', 'git', 'composite', 'git', 'composite']);
    expect(result.metrics.every(({ sizeBytes }) => sizeBytes >= 0)).toBe(true);
    expect(result).toMatchObject({ checkoutLocation: 'one', otherCheckouts: ['two', 'one/in'] });
    for (const copy of ['one', 'two', 'one/in']) {
      expect(await files.stat(`/content/${copy}/README.md`)).toBeDefined();
    }
  });

  test('stops at the first failure and says which it was', async () => {
    const { files, run } = await setting();
    const missing = { git: { ...git('b').git, remoteUri: 'https://example.org/missing' } };
    const running = run({ composite: { initializer: [git('a'), missing, git('c')] } });
    await expect(running).rejects.toMatchObject({
      code: 'git-failed',
      message: expect.stringContaining('initializer 1 (git)'),
    });
    expect(await files.stat('/content/a')).toBeDefined();
    expect(await files.stat('/content/c')).toBeUndefined();
  });

  test('clones nothing over what an earlier child has put there', async () => {
    const { files, run } = await setting();
    await expect(run({ composite: { initializer: [git('a/b'), git('a')] } })).rejects.toMatchObject({
      code: 'content-initialization-failed',
      message: expect.stringContaining('clone first'),
    });
    expect(await files.stat('/content/a/b/README.md')).toBeDefined();
  });

  test('leaves a working copy that is there already as it is, without a metric', async () => {
    const { run } = await setting();
    const result = await run({ composite: { initializer: [git('a'), git('a')] } });
    expect(result.metrics.map(({ type }) => type)).toEqual(['git', 'composite']);
  });

  test('ends with the reason it is given up for, before the next child begins', async () => {
    const { context } = await setting();
    const controller = new AbortController();
    let ran = 0;
    const child: InitializerPlan = {
      kind: 'empty',
      description: '',
      checkoutLocations: [],
      run: async () => {
        ran += 1;
        controller.abort(new StewardError('cancelled', 'disposed'));
        return { source: 'from-other', metrics: [], warnings: [] };
      },
    };
    const running = planComposite([child, child]).run({ ...context, signal: controller.signal });
    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
    expect(ran).toBe(1);
  });
});

describe('the tree of initializers', () => {
  test('has the working copies of its parts in order, each once', () => {
    const initializer = WorkspaceInitializer.fromJSON({
      composite: {
        initializer: [
          { snapshot: { snapshot: 'a@b' } },
          { prebuild: { prebuild: { snapshot: 'a@b' }, git: [git('p').git, git('q').git] } },
          { backup: { checkoutLocation: 'r' } },
          git('p'),
        ],
      },
    });
    expect(planOf(initializer).checkoutLocations).toEqual(['p', 'q', 'r']);
  });

  test('names the field of a part that is wrong', () => {
    const wrong = WorkspaceInitializer.fromJSON({
      composite: { initializer: [{ empty: {} }, { prebuild: { git: [git('/etc').git] } }] },
    });
    expect(() => planOf(wrong)).toThrow(
      expect.objectContaining({
        code: 'invalid-argument',
        message: expect.stringContaining('initializer.composite.1.prebuild.0.git.checkout_location'),
      }),
    );
    expect(() => planOf(WorkspaceInitializer.fromJSON({ composite: { initializer: [{}] } }))).toThrow(
      /initializer\.composite\.0 has nothing set/,
    );
  });

  test.each([1_000, 50_000])('%i composites deep is refused, not run into', (depth) => {
    let initializer: WorkspaceInitializer = { spec: { $case: 'empty', value: {} } };
    for (let level = 0; level < depth; level += 1) {
      initializer = { spec: { $case: 'composite', value: { initializer: [initializer] } } };
    }
    expect(() => planOf(initializer)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  });

  test('of too many parts is refused', () => {
    const initializer = Array.from({ length: 200 }, () => ({ empty: {} }));
    expect(() => planOf(WorkspaceInitializer.fromJSON({ composite: { initializer } }))).toThrow(
      expect.objectContaining({ code: 'invalid-argument' }),
    );
  });
});

async function setting() {
  const world = SimulatedWorld.fromSeed(1, workspacePrograms);
  await world.files.makeDirectory('/content');
  const storage = new DirectoryStorage(world, { bucket: 'steward', folder: '/objects', witness: '/witness' });
  const context: InitializeContext = {
    world,
    storage,
    user: undefined,
    http: new SimulatedHttp(),
    folder: '/content',
    backups: undefined,
    git: { allowHttp: false },
    signal: new AbortController().signal,
  };
  const run = (json: object) =>
    initialize(planOf(WorkspaceInitializer.fromJSON(json)), context, { isFreshStart: false });
  return { context, files: world.files, run };
}
