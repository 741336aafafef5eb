import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { DEFAULT_BACKUP_POLICY } from '../../src/content/backup-policy.js';
import { BackupRepository } from '../../src/content/backups.js';
import { backupOptions, contentFolder, ids, newPlace, noAbort } from '../content/support/place.js';
import { describeTree } from '../content/support/tree.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { edit, edits } from './support/tree-edits.js';

const runs = Number(process.env['STEWARD_CHAIN_RUNS'] ?? 8);

/** Tiny content: its increments are large beside it. */
const policy = { ...DEFAULT_BACKUP_POLICY, fullWhenIncrementsExceedShare: Number.MAX_SAFE_INTEGER };

/** One stretch of work between two backups; some begin on another node, with what the newest backup restores. */
const stretch = fc.record({
  startsElsewhere: fc.boolean(),
  edits: fc.array(edits, { minLength: 1, maxLength: 6 }),
});

describe('a chain on the real tar', () => {
  test.prop([fc.array(stretch, { minLength: 2, maxLength: 5 })], {
    numRuns: runs,
    endOnFailure: true,
    interruptAfterTimeLimit: runs * 7_000,
  })(
    'restores every generation to exactly the tree it saw',
    async (stretches) => {
      const folder = await temporaryFolder();
      const place = newPlace(folder);
      const { owner, workspace } = ids();
      const backups = new BackupRepository(place, owner, workspace);
      let content = await contentFolder(place, join(folder, 'content-0'));
      const seen: { generation: number; tree: unknown }[] = [];
      for (const [index, { startsElsewhere, edits: wanted }] of stretches.entries()) {
        const latest = await backups.latest(noAbort());
        if (startsElsewhere && latest !== undefined) {
          content = await contentFolder(place, join(folder, `content-${index}`));
          await backups.restore(latest, content, { signal: noAbort() });
          const { chain, ...options } = backupOptions(content);
          await backups.seed(content, chain, latest, { ...options, excludes: [] });
        }
        for (const one of wanted) await edit(content, one);
        const { manifest } = await backups.create(content, { ...backupOptions(content), policy });
        seen.push({ generation: manifest.generation, tree: await describeTree(content) });
      }
      for (const { generation, tree } of seen) {
        const manifest = await backups.read(generation, noAbort());
        const restored = await contentFolder(place, join(folder, `restored-${generation}`));
        await backups.restore(manifest, restored, { signal: noAbort() });
        expect(await describeTree(restored)).toEqual(tree);
        await rm(restored, { recursive: true });
      }
      await rm(folder, { recursive: true });
    },
    runs * 8_000,
  );
});
