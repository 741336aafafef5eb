import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import type { ProcessIdentity } from '../processes.js';

/** What we need of /proc/<pid>/stat (proc(5)). */
export interface ProcStat {
  readonly state: string;
  readonly group: number;
  readonly session: number;
  /** The group that has its terminal; -1 without one. */
  readonly foreground: number;
  /** Field 22, clock ticks since boot. */
  readonly startTicks: number;
}

/** The name of the program, field 2, may hold blanks and parentheses, so fields count from the last `)`. */
export function parseProcStat(text: string): ProcStat | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, , group, session, , foreground] = fields;
  const startTicks = fields[19];
  if (!state || !group || !session || !foreground || !startTicks) return undefined;
  return {
    state,
    group: Number(group),
    session: Number(session),
    foreground: Number(foreground),
    startTicks: Number(startTicks),
  };
}

/** undefined when there is no such process; one that has ended but was not waited for counts as none. */
export async function readProcStat(pid: number): Promise<ProcStat | undefined> {
  return living(await readFile(statPath(pid), 'utf8').catch(() => undefined));
}

/**
 * Who a child we just started is. Read in one go with the start: Node reaps children between turns of its
 * loop only, so until then even one that has ended already is still listed.
 */
export function identify(pid: number): ProcessIdentity {
  const stat = parseProcStat(readFileSync(statPath(pid), 'utf8'));
  if (stat === undefined) throw new Error(`process ${pid} is not listed in /proc`);
  return { pid, startTicks: stat.startTicks, bootId: readFileSync(BOOT_ID, 'utf8').trim() };
}

/** The same as long as we live. */
export async function readBootId(): Promise<string> {
  bootId ??= (await readFile(BOOT_ID, 'utf8')).trim();
  return bootId;
}

let bootId: string | undefined;

/** Whether anything living is in the process group. */
export async function hasMembers(group: number): Promise<boolean> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    const stat = await readProcStat(Number(pid));
    if (stat?.group === group && stat.session === group) return true;
  }
  return false;
}

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

function statPath(pid: number): string {
  return `/proc/${pid}/stat`;
}

function living(text: string | undefined): ProcStat | undefined {
  const stat = text === undefined ? undefined : parseProcStat(text);
  return stat?.state === 'Z' || stat?.state === 'X' ? undefined : stat;
}
