import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Folders of the state in which nothing may be when no instance is left, for whatever reason it was put there. */
const EMPTY_AT_REST = ['workspaces', 'records', 'chains', 'scratch', 'quarantine', 'set-aside'];

/** What a daemon left behind below a folder when it has stopped and nothing is to be left, in words. */
export async function leftBehind(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of EMPTY_AT_REST) {
    for (const entry of await namesIn(join(folder, 'daemon', name))) {
      // What layers keep beside the content is emptied, not removed.
      if (entry.startsWith('.') && (await namesIn(join(folder, 'daemon', name, entry))).length === 0)
        continue;
      found.push(`${name}/${entry}`);
    }
  }
  for (const entry of await namesIn(join(folder, 'secrets'))) found.push(`secrets/${entry}`);
  const files = await readdir(folder, { recursive: true }).catch(() => []);
  found.push(...files.filter((name) => /\.tmp$|\/lock\.|\/\.uploads\/[^/]+\/./.test(name)));
  found.push(...(await processesAt(folder)), ...(await mountsBelow(folder)));
  return found;
}

/** Processes that were started for, or stand in, a folder. */
export async function processesAt(folder: string): Promise<readonly string[]> {
  const processes = await processesOf(folder);
  return processes.map(({ pid, command }) => `process ${pid} ${command.replaceAll('\0', ' ')}`);
}

/** Commands of workspaces outlive the programs of a round, as they should; nobody needs them when it is over. */
export async function endProcessesAt(folder: string): Promise<void> {
  for (const { pid, cwd } of await processesOf(folder)) {
    if (!cwd.startsWith(folder)) continue;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
}

interface Found {
  readonly pid: number;
  readonly command: string;
  readonly cwd: string;
}

async function processesOf(folder: string): Promise<readonly Found[]> {
  const found: Found[] = [];
  for (const pid of (await namesIn('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)) {
    if (pid === process.pid) continue;
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
    if (command.includes(folder) || cwd.startsWith(folder)) found.push({ pid, command, cwd });
  }
  return found;
}

export async function mountsBelow(folder: string): Promise<readonly string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  const points = table.split('\n').map((line) => line.split(' ')[4] ?? '');
  return points.filter((point) => point.startsWith(`${folder}/`)).map((point) => `mount ${point}`);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}
