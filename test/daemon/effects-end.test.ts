import { describe, expect, it } from 'vitest';
import { contentMachine } from '../../machines/content-state.js';
import type { ContentLimits, GitReport, SetupRequest } from '../../machines/content-types.js';
import { isInstanceId, isOwnerId, isWorkspaceId } from '../../machines/ids.js';
import { GIT_REPORT_BYTES_MAX, READINESS_DEADLINE_MS } from '../../src/daemon/bounds.js';
import { daemonConfigSchema } from '../../src/daemon/config.js';
import { DiskGuard } from '../../src/daemon/disk-guard.js';
import { boundedReport, boundedSetup } from '../../src/daemon/effects/bounded.js';
import { Instance } from '../../src/daemon/instance/instance.js';
import { Lane } from '../../src/daemon/instance/lane.js';
import { Readiness } from '../../src/daemon/readiness.js';
import { SimulatedWorld } from '../../src/gateways/simulated/world.js';
import { DirectoryStorage } from '../../src/storage/directory.js';
import { gate, interceptFiles } from '../support/intercepted-files.js';

const never = new AbortController().signal;

describe('an actor that ends without a last answer', () => {
  it('that crashes tells those who wait for it, and ends what it began', async () => {
    const instance = crashing();
    const running = instance.lane.run((signal) => untilAborted(signal), never);
    const waiting = instance.waitFor(() => undefined, never);
    instance.send({ type: 'INIT', at: 1, request });
    await expect(waiting).rejects.toMatchObject({ code: 'unavailable' });
    await expect(running).rejects.toMatchObject({ code: 'unavailable' });
    await expect(instance.over).rejects.toThrow('a defect');
    await expect(instance.waitFor(() => undefined, never)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('that is halted does the same', async () => {
    const instance = crashing();
    const running = instance.lane.run((signal) => untilAborted(signal), never);
    const waiting = instance.waitFor(() => undefined, never);
    instance.halt();
    await expect(waiting).rejects.toMatchObject({ code: 'unavailable' });
    await expect(running).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('a lane', () => {
  it('lets nothing begin before what was given up has really ended', async () => {
    const lane = new Lane();
    const ending = gate();
    const order: string[] = [];
    const given = new AbortController();
    const started = gate();
    const first = lane.run(async (signal) => {
      started.open();
      await untilAborted(signal).catch(() => undefined);
      await ending.passed;
      order.push('first ended');
    }, given.signal);
    const second = lane.run(async () => order.push('second began'), never);
    await started.passed;
    given.abort();
    expect(lane.isIdle).toBe(false);
    ending.open();
    await Promise.all([first, second]);
    expect(order).toEqual(['first ended', 'second began']);
    await expect.poll(() => lane.isIdle).toBe(true);
  });

  it('does not run what was given up while it waited', async () => {
    const lane = new Lane();
    const given = new AbortController();
    const first = lane.run((signal) => untilAborted(signal), never);
    const second = lane.run(async () => 'ran', given.signal);
    given.abort(new Error('given up'));
    lane.abort(new Error('all of it'));
    await expect(first).rejects.toThrow('all of it');
    await expect(second).rejects.toThrow('given up');
  });
});

describe('what effects answer with', () => {
  it('keeps a git status small, whatever the workspace calls its files', () => {
    const names = Array.from({ length: 100 }, () => '\u0001'.repeat(60_000));
    const report: GitReport = {
      branch: 'b'.repeat(60_000),
      latestCommit: 'f'.repeat(40),
      uncommittedFiles: ['short', ...names],
      untrackedFiles: names,
      unpushedCommits: names,
      totalUncommittedFiles: 101,
      totalUntrackedFiles: 100,
      totalUnpushedCommits: 100,
    };
    const kept = boundedReport(report);
    expect(Buffer.byteLength(JSON.stringify(kept))).toBeLessThan(GIT_REPORT_BYTES_MAX + 10_000);
    expect(kept).toMatchObject({ totalUncommittedFiles: 101, totalUntrackedFiles: 100 });
    expect(kept?.uncommittedFiles[0]).toBe('short');
    const small = {
      ...report,
      branch: 'main',
      uncommittedFiles: ['a'],
      untrackedFiles: [],
      unpushedCommits: [],
    };
    expect(boundedReport(small)).toEqual(small);
  });

  it('keeps the warnings of a set-up few and short', () => {
    const warnings = Array.from({ length: 500 }, () => 'w'.repeat(500_000));
    const setup = boundedSetup({ source: 'from-other', metrics: [], warnings });
    expect(JSON.stringify(setup).length).toBeLessThan(100_000);
    expect(setup.warnings[0]).toMatch(/^w+…$/);
  });
});

it('is not ready while its disk does not answer, and does not wait for it', async () => {
  const world = SimulatedWorld.fromSeed(1);
  const files = interceptFiles(world.files, (operation) =>
    operation === 'space' ? gate().passed : undefined,
  );
  const storage = new DirectoryStorage(world, { folder: '/objects', witness: '/witness', bucket: 'b' });
  const conditions = new Readiness(world, storage, new DiskGuard(files, ['/state'], 1)).conditions();
  await world.time.advance(READINESS_DEADLINE_MS);
  expect(await conditions).toMatchObject([
    { name: 'storage', ready: true },
    { name: 'disk', ready: false, message: expect.stringContaining('no answer in time') },
  ]);
});

const request: SetupRequest = {
  initializer: '',
  fingerprint: 'f',
  hasSecrets: false,
  remoteStorageDisabled: false,
  quotaBytes: 0,
};

/** An instance whose machine has a defect in what follows its INIT. */
function crashing(): Instance {
  const [id, workspace, owner] = ['i1', 'w1', 'o1'];
  if (!isInstanceId(id) || !isWorkspaceId(workspace) || !isOwnerId(owner)) throw new Error('no ids');
  const machine = contentMachine.provide({
    actions: {
      waitForRecord: () => {
        throw new Error('a defect');
      },
    },
  });
  const identity = { instance: id, workspace, owner };
  const input = { kind: 'new', identity, limits: limits(), at: 0 } as const;
  const instance = new Instance({ machine, input, onMoved: () => undefined });
  instance.start();
  return instance;
}

function limits(): ContentLimits {
  const place = { stateFolder: '/s', secretsFolder: '/s', listen: ['unix:/s'], storage: { folder: '/o' } };
  return daemonConfigSchema.parse({ ...place, content: { uid: 0, gid: 0, isRoot: false } }).limits;
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
