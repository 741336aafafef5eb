import * as fs from 'node:fs/promises';
import { FDINFO_BYTES, READ_UNKNOWN_BYTES } from '../bounds.js';

/** The mount that holds an open file: other than a device number, it tells bind mounts apart, too (proc(5)). */
export async function mountIdOf(handle: fs.FileHandle): Promise<string | undefined> {
  const about = await readProc(`/proc/self/fdinfo/${handle.fd}`, FDINFO_BYTES);
  return /^mnt_id:\s*(\d+)$/m.exec(about)?.[1];
}

/** Where something is mounted on a folder or below it, as the kernel names it; undefined when nothing is. */
export async function mountBelow(folder: string): Promise<string | undefined> {
  const table = await readProc('/proc/self/mountinfo', READ_UNKNOWN_BYTES);
  const points = table.split('\n').map((line) => unescaped(line.split(' ')[4] ?? ''));
  return points.find((point) => point === folder || point.startsWith(`${folder}/`));
}

/**
 * `fs.readFile` takes 64 KiB for each file that does not tell its size: thousands of folders are removed in a row,
 * and V8 collects all of its garbage after a few megabytes of such buffers.
 */
async function readProc(path: string, chunkBytes: number): Promise<string> {
  const handle = await fs.open(path);
  try {
    const chunks: Buffer[] = [];
    const buffer = Buffer.allocUnsafe(chunkBytes);
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, chunkBytes, null);
      if (bytesRead === 0) return Buffer.concat(chunks).toString('utf8');
      chunks.push(Buffer.from(buffer.subarray(0, bytesRead)));
    }
  } finally {
    await handle.close();
  }
}

/** Blanks, tabs, line ends and backslashes are written as three octal digits. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
