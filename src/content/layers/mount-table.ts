import { errorCode } from '../../gateways/file-error.js';
import type { Files } from '../../gateways/files.js';
import { MOUNT_TABLE_BYTES_MAX } from './bounds.js';

/** Where the kernel shows what is mounted for this process (proc_pid_mountinfo(5)). */
const MOUNT_TABLE = '/proc/self/mountinfo';

/**
 * How many overlays are mounted whose changes go to `upper`. They are told by that option, as it was given to
 * mount, because the table shows mount points with all links resolved.
 */
export async function countOverlays(files: Files, upper: string): Promise<number> {
  const table = await readTable(files);
  return table.split('\n').filter((line) => isOverlayOn(line, upper)).length;
}

/** Some characters stand for something in mount options or are shown otherwise in the table. */
export function isPlainPath(path: string): boolean {
  return /^\/[A-Za-z0-9/._@+~-]+$/.test(path);
}

function isOverlayOn(line: string, upper: string): boolean {
  const [, kind, , options = ''] = / - (\S+) (\S+) (\S+)$/.exec(line) ?? [];
  return kind === 'overlay' && options.split(',').includes(`upperdir=${upper}`);
}

async function readTable(files: Files): Promise<string> {
  try {
    return (await files.read(MOUNT_TABLE, MOUNT_TABLE_BYTES_MAX)).toString('utf8');
  } catch (error) {
    // Without a table there is no kernel that could have mounted anything.
    if (errorCode(error) === 'ENOENT') return '';
    throw error;
  }
}
