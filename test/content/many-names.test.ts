import { expect, it } from 'vitest';
import { LOGS_MAX } from '../../src/content/bounds.js';
import { isEmptyFolder } from '../../src/content/folder-entries.js';
import { auditCopy } from '../../src/content/git-audit.js';
import { GIT_AUDITED_FOLDERS_MAX } from '../../src/content/initializers/bounds.js';
import type { InitializeContext } from '../../src/content/initializers/plan.js';
import { terminalLogs } from '../../src/content/terminal-logs.js';
import type { DirectoryEntry, EntryKind, Files } from '../../src/gateways/files.js';
import { SimulatedWorld } from '../../src/gateways/simulated/world.js';

const NAMES = 300_000;

/** A workspace that has filled its folders with more names than anybody should keep in memory. */
function crowded(kind: EntryKind, prefix = 'prebuild-log-') {
  const { files } = SimulatedWorld.fromSeed(1);
  const looked = { entries: 0 };
  const crowd: Files = Object.create(files, {
    stat: { value: async (path: string) => (path.endsWith('commondir') ? undefined : statOf(path)) },
    list: {
      value: async () => {
        throw new Error('all names at once');
      },
    },
    entries: {
      value: async function* (): AsyncGenerator<DirectoryEntry> {
        for (let index = 0; index < NAMES; index += 1) {
          looked.entries += 1;
          yield { name: `${prefix}${String(NAMES - index).padStart(6, '0')}`, kind };
        }
      },
    },
  });
  return { files: crowd, looked };
}

function statOf(path: string) {
  const isFile = /\d$/.test(path) || path.endsWith('config');
  if (path.endsWith('config.worktree') || path.endsWith('alternates')) return undefined;
  return { kind: isFile ? 'file' : 'directory', sizeBytes: 5 };
}

it('finds the first terminal logs among any number, and tells how many are left out', async () => {
  const { logs, leftOut } = await terminalLogs(crowded('file').files, '/content');
  expect(logs).toHaveLength(LOGS_MAX);
  expect(logs[0]).toEqual({ task: '000001', path: 'prebuild-log-000001', sizeBytes: 5 });
  expect(leftOut).toBe(NAMES - LOGS_MAX);
});

it('does not use a working copy with more folders for submodules than are looked through', async () => {
  const { files, looked } = crowded('directory', 'm');
  const world = Object.assign(Object.create(SimulatedWorld.fromSeed(1)), { files });
  const context: InitializeContext = Object.assign(Object.create({}), { world, folder: '/content' });
  await expect(auditCopy('', context)).rejects.toMatchObject({ code: 'git-failed' });
  expect(looked.entries).toBeLessThanOrEqual(GIT_AUDITED_FOLDERS_MAX + 1);
});

it('looks at one name to see that a folder is not empty', async () => {
  const { files, looked } = crowded('file');
  expect(await isEmptyFolder(files, '/content')).toBe(false);
  expect(looked.entries).toBe(1);
});
