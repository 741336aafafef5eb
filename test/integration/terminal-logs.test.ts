import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isInstanceId, isOwnerId, isWorkspaceId } from '../../machines/ids.js';
import { LOG_BYTES_MAX } from '../../src/content/bounds.js';
import { logObject, uploadLogs } from '../../src/content/terminal-logs.js';
import { StewardError } from '../../src/errors/steward-error.js';
import { realWorld } from '../../src/gateways/real/world.js';
import type { World } from '../../src/gateways/world.js';
import { DirectoryStorage } from '../../src/storage/directory.js';
import type { ObjectStorage } from '../../src/storage/object-storage.js';
import { interceptFiles } from '../support/intercepted-files.js';

const user = process.getuid?.() === 0 ? { uid: 33333, gid: 33333 } : undefined;
const world = realWorld();
const signal = new AbortController().signal;
const origin = ids('ada', 'loom', 'loom-1');

let folder: string;
let content: string;
let storage: ObjectStorage;
let warnings: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'steward-logs-'));
  chmodSync(folder, 0o711);
  content = join(folder, 'content');
  mkdirSync(join(content, '.gitpod'), { recursive: true });
  if (user !== undefined) chownSync(content, user.uid, user.gid);
  storage = new DirectoryStorage(world, {
    folder: join(folder, 'objects'),
    witness: join(folder, 'witness'),
    bucket: 'steward',
  });
  warnings = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, what: string | Buffer): void {
  writeFileSync(join(content, path), what);
}

function upload(changes: { readonly storage?: ObjectStorage; readonly world?: World } = {}) {
  const place = { world, storage, user, ...changes };
  return uploadLogs(place, content, origin, { signal, onWarning: (said) => warnings.push(said) });
}

async function stored(task: string): Promise<string | undefined> {
  const found = await storage.get(logObject(origin, task), { signal });
  return found === undefined ? undefined : text(found);
}

describe('the logs of terminals that nobody watches', () => {
  it('are stored by their task, from the first place that has any', async () => {
    write('prebuild-log-1', 'first');
    write('prebuild-log-2', 'second');
    write('prebuild-log-', 'of no task');
    write('.gitpod/prebuild-log-3', 'of an older convention');
    write('.prebuild-log-4', 'of a still older one');
    expect(await upload()).toEqual(['1', '2']);
    expect([await stored('1'), await stored('2'), await stored('3')]).toEqual(['first', 'second', undefined]);
    expect(logObject(origin, '1')).toBe('ada/workspaces/loom/instances/loom-1/logs/1');
  });

  it('are found in the older places too', async () => {
    write('.prebuild-log-4', 'oldest');
    expect(await upload()).toEqual(['4']);
    write('.gitpod/prebuild-log-3', 'older');
    expect(await upload()).toEqual(['3']);
  });

  it('may be none', async () => {
    expect(await upload()).toEqual([]);
  });

  it('take the place of what was stored before for the same instance', async () => {
    write('prebuild-log-1', 'half');
    await upload();
    write('prebuild-log-1', 'half and the rest');
    await upload();
    expect(await stored('1')).toBe('half and the rest');
  });

  it('are stored from their end when they are too long', async () => {
    write('prebuild-log-1', Buffer.concat([Buffer.alloc(LOG_BYTES_MAX, 'a'), Buffer.from('the end')]));
    expect(await upload()).toEqual(['1']);
    const found = await storage.head(logObject(origin, '1'), signal);
    expect(found?.sizeBytes).toBe(LOG_BYTES_MAX);
    expect((await stored('1'))?.endsWith('the end')).toBe(true);
    expect(warnings).toEqual(['prebuild-log-1: the first 7 bytes are left out']);
  });

  it('are tried five times, and the others are stored although one is not', async () => {
    write('prebuild-log-1', 'first');
    write('prebuild-log-2', 'second');
    let tries = 0;
    const failing: ObjectStorage = Object.create(storage, {
      replace: {
        value: (...[name, body, options]: Parameters<ObjectStorage['replace']>) => {
          if (!name.endsWith('/1')) return storage.replace(name, body, options);
          tries += 1;
          body.destroy();
          return Promise.reject(new StewardError('storage-unavailable', 'not now'));
        },
      },
    });
    await expect(upload({ storage: failing, world: hasty() })).rejects.toMatchObject({
      code: 'storage-unavailable',
    });
    expect(tries).toBe(5);
    expect(await stored('2')).toBe('second');
    expect(warnings).toEqual(['prebuild-log-1 could not be stored']);
  });
});

describe('what is no log', () => {
  it.each([
    ['a link to a file of others', () => symlinkSync('/etc/hostname', join(content, 'prebuild-log-1'))],
    ['a folder', () => mkdirSync(join(content, 'prebuild-log-1'))],
    ['a name that is no task', () => write('prebuild-log-a b', 'x')],
    [
      'a log behind a link',
      () => {
        rmSync(join(content, '.gitpod'), { recursive: true });
        mkdirSync(join(folder, 'elsewhere'));
        writeFileSync(join(folder, 'elsewhere', 'prebuild-log-1'), 'x');
        symlinkSync('../elsewhere', join(content, '.gitpod'));
      },
    ],
  ])('%s is left out', async (_what, put) => {
    put();
    expect(await upload()).toEqual([]);
    expect(await stored('1')).toBeUndefined();
  });

  it('is a log that is swapped for a link after it was found; what was stored before stays', async () => {
    write('prebuild-log-1', 'the log');
    await upload();
    const files = interceptFiles(world.files, () => undefined);
    const swapping: World = {
      ...world,
      clock: hasty().clock,
      files: {
        ...files,
        stat: async (path) => {
          const found = await files.stat(path);
          if (path.endsWith('prebuild-log-1') && found?.kind === 'file') {
            rmSync(path);
            symlinkSync('/etc/hostname', path);
          }
          return found;
        },
      },
    };
    await expect(upload({ world: swapping })).rejects.toMatchObject({ code: 'process-failed' });
    expect(await stored('1')).toBe('the log');
  });
});

/** The same world, in which no pause takes long. */
function hasty(): World {
  const { clock } = world;
  return {
    ...world,
    clock: {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      schedule: (_at, callback) => clock.schedule(clock.now(), callback),
    },
  };
}

function ids(owner: string, workspace: string, instance: string) {
  if (!isOwnerId(owner) || !isWorkspaceId(workspace) || !isInstanceId(instance)) throw new Error('no ids');
  return { owner, workspace, instance };
}
