import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { emptyWorkspace } from '../test/support/real-daemon.js';
import { startDaemonChild } from './daemon-child.js';
import { interleaved } from './interleaved.js';
import type { Measuring } from './measuring.js';
import { compared, mebibytes, median, type Row } from './row.js';
import { shell } from './shell.js';
import { GeneratedWorkspace } from './workspace.js';

const STOPS = 50;
const SLOTS = 5;
const EACH = { files: 1_000, bytes: 20_000_000 };
/** Each makes a hundred copies first, which takes much longer than what is measured. */
const ROUNDS = 1;
/** How often it is looked whether everything is gone. */
const LOOK_MS = 20;
const MEMORY_MOST_BYTES = 64 * 2 ** 20;

/**
 * Many stops at once: each backs up, reads back, records and takes the content away, and is answered; the pipe only
 * packs, five at a time. Then until the last file is gone, against the pipe that removes what it has packed.
 */
export async function benchStops(measuring: Measuring): Promise<readonly Row[]> {
  const { scale } = measuring;
  const folder = measuring.newFolder();
  const daemon = await startDaemonChild(folder, { queues: { backup: { concurrency: SLOTS } } });
  try {
    const size = { files: Math.round(EACH.files * scale), bytes: Math.round(EACH.bytes * scale) };
    const template = new GeneratedWorkspace(join(folder, 'template'), size);
    template.generate();
    const idsOf = (round: number) => Array.from({ length: STOPS }, (_, index) => `stop-${round}-${index}`);
    const spread = (name: string) => {
      mkdirSync(join(folder, name));
      for (let index = 0; index < STOPS; index += 1) {
        shell('cp -a "$0" "$1"', template.folder, join(folder, name, String(index)));
      }
      shell('sync -f "$0"', folder);
    };
    const pipes = (name: string, then: string) => {
      const pipe = `tar -C {} -cf - . | zstd -q -1 > {}.tar.zst; sync -f {}.tar.zst${then}`;
      shell(
        `seq 0 ${STOPS - 1} | sed "s#^#$0/#" | xargs -P ${SLOTS} -I {} sh -c '${pipe}'`,
        join(folder, name),
      );
    };
    let mostBytes = 0;
    const answered: number[] = [];
    const isGone = () => readdirSync(daemon.workspaceOf('.removals')).length === 0;
    const ms = await interleaved(ROUNDS, [
      {
        name: 'ours',
        before: async (round) => {
          for (const id of idsOf(round)) {
            await daemon.content.initWorkspace(emptyWorkspace(id, id));
            shell('cp -a "$0/." "$1"', template.folder, daemon.workspaceOf(id));
          }
          shell('sync -f "$0"', folder);
          mostBytes = -(await daemon.idle());
        },
        run: async (round) => {
          const dispose = (id: string) =>
            daemon.content.disposeWorkspace({ id, backup: true, backupLogs: false });
          const start = performance.now();
          await Promise.all(idsOf(round).map(dispose));
          answered.push(performance.now() - start);
          mostBytes += daemon.most();
          while (!isGone()) await wait(LOOK_MS);
        },
      },
      {
        name: 'pipe',
        before: (round) => spread(`pipe-${round}`),
        run: (round) => pipes(`pipe-${round}`, ''),
      },
      {
        name: 'pipeAndRemoval',
        // Their copies are still there.
        before: () => shell('sync -f "$0"', folder),
        run: (round) => pipes(`pipe-${round}`, '; rm -rf {}'),
      },
    ]);
    const eachBytes = mostBytes / SLOTS;
    const what = `${STOPS} stops of ${(size.bytes / 1e6).toFixed(0)} MB at once, ${SLOTS} slots`;
    return [
      compared(
        `${what}, until all are answered`,
        median(answered),
        { ms: ms.pipe, name: `tar | zstd -1; sync -f, ${SLOTS} at a time` },
        1.5,
      ),
      compared(`${what}, until the last file is gone`, ms.ours, {
        ms: ms.pipeAndRemoval,
        name: 'the same; rm -rf',
      }),
      {
        what: 'memory of the daemon above idle meanwhile, per running backup',
        ours: mebibytes(eachBytes),
        against: '–',
        result: mebibytes(eachBytes),
        target: '≤ 64 MiB',
        isMet: eachBytes <= MEMORY_MOST_BYTES,
      },
    ];
  } finally {
    await daemon.stop();
  }
}
