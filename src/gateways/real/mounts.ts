import * as fs from 'node:fs/promises';

/** The mount that holds an open file: other than a device number, it tells bind mounts apart, too (proc(5)). */
export async function mountIdOf(handle: fs.FileHandle): Promise<string | undefined> {
  const about = await fs.readFile(`/proc/self/fdinfo/${handle.fd}`, 'utf8');
  return /^mnt_id:\s*(\d+)$/m.exec(about)?.[1];
}

/** Where something is mounted on a folder or below it, as the kernel names it; undefined when nothing is. */
export async function mountBelow(folder: string): Promise<string | undefined> {
  const table = await fs.readFile('/proc/self/mountinfo', 'utf8');
  const points = table.split('\n').map((line) => unescaped(line.split(' ')[4] ?? ''));
  return points.find((point) => point === folder || point.startsWith(`${folder}/`));
}

/** Blanks, tabs, line ends and backslashes are written as three octal digits. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
