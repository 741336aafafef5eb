import { renameSync } from 'node:fs';
import { join } from 'node:path';
import type { DaemonConfigInput } from '../src/daemon/config.js';
import { emptyWorkspace } from '../test/support/real-daemon.js';
import { startDaemonChild } from './daemon-child.js';
import type { Measuring } from './measuring.js';
import { startChild } from './program-process.js';
import { mebibytes, type Row } from './row.js';
import { shell } from './shell.js';
import { GeneratedWorkspace } from './workspace.js';

const ID = 'memory-1';

/** The most memory a daemon has during one full backup of a large workspace, above what it has idle. */
export async function benchMemory(measuring: Measuring): Promise<readonly Row[]> {
  const folder = measuring.newFolder();
  const s3 = startChild('s3-child-process.ts', 'bench');
  try {
    const content = new GeneratedWorkspace(join(folder, 'content'), measuring.workspace);
    content.generate();
    const server = { kind: 's3' as const, pathStyle: true, secure: false };
    const rows: Row[] = [];
    rows.push(await rowOf('a directory', 64, join(folder, 'directory'), content.folder));
    const storage = { ...server, ...JSON.parse(await s3.said) };
    rows.push(await rowOf('S3 (s3rver)', 128, join(folder, 's3'), content.folder, { storage }));
    return rows;
  } finally {
    await s3.stop();
  }
}

async function rowOf(
  where: string,
  mostMebibytes: number,
  folder: string,
  content: string,
  changes: Partial<DaemonConfigInput> = {},
): Promise<Row> {
  shell('mkdir -p "$0"', folder);
  const daemon = await startDaemonChild(folder, changes);
  const place = daemon.workspaceOf(ID);
  try {
    await daemon.content.initWorkspace(emptyWorkspace(ID, 'memory'));
    shell('rm -rf "$0"', place);
    renameSync(content, place);
    const idleBytes = await daemon.idle();
    await daemon.content.backupWorkspace({ id: ID });
    const bytes = daemon.most() - idleBytes;
    // The next one takes the same content.
    renameSync(place, content);
    shell('mkdir "$0"', place);
    return {
      what: `memory of the daemon above idle during a full backup to ${where}`,
      ours: mebibytes(bytes),
      against: '–',
      result: mebibytes(bytes),
      target: `≤ ${mostMebibytes} MiB`,
      isMet: bytes <= mostMebibytes * 2 ** 20,
    };
  } finally {
    await daemon.content
      .disposeWorkspace({ id: ID, backup: false, backupLogs: false })
      .catch(() => undefined);
    await daemon.stop();
  }
}
