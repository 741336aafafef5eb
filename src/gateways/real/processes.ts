import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type {
  DetachedCommand,
  KillSignal,
  ProcessCommand,
  Processes,
  ProcessIdentity,
  RunningProcess,
} from '../processes.js';
import { startDetached } from './detached.js';
import { hasMembers, identify, readBootId, readProcStat } from './proc-stat.js';
import { startProcess } from './running-process.js';

/** The machine's processes. */
export class RealProcesses implements Processes {
  start(command: ProcessCommand): RunningProcess {
    return startProcess({ ...command, program: located(command.program, command.env) });
  }

  startDetached(command: DetachedCommand): Promise<ProcessIdentity> {
    return startDetached({ ...command, program: located(command.program, command.env) });
  }

  async isAlive(identity: ProcessIdentity): Promise<boolean> {
    const stat = await readProcStat(identity.pid);
    return stat?.startTicks === identity.startTicks && (await readBootId()) === identity.bootId;
  }

  /** The kernel gives a pid to nobody else while a group of that number has members, so they are still ours. */
  async signalGroup(identity: ProcessIdentity, signal: KillSignal): Promise<boolean> {
    if ((await readBootId()) !== identity.bootId) return false;
    const leader = await readProcStat(identity.pid);
    if (leader !== undefined && leader.startTicks !== identity.startTicks) return false;
    if (leader === undefined && !(await hasMembers(identity.pid))) return false;
    try {
      process.kill(-identity.pid, signal);
      return true;
    } catch {
      return false;
    }
  }

  async signalProcess(identity: ProcessIdentity, signal: KillSignal): Promise<boolean> {
    if (!(await this.isAlive(identity))) return false;
    try {
      process.kill(identity.pid, signal);
      return true;
    } catch {
      return false;
    }
  }

  self(): ProcessIdentity {
    return identify(process.pid);
  }

  async find(program: string): Promise<string | undefined> {
    return onPath(program, process.env);
  }
}

/** Looked up on the child's PATH, then on ours: a closed environment often has none. */
function located(program: string, env: Readonly<Record<string, string>>): string {
  return onPath(program, env) ?? onPath(program, process.env) ?? program;
}

function onPath(program: string, env: Readonly<Record<string, string | undefined>>): string | undefined {
  if (program.includes('/')) return isProgram(program) ? program : undefined;
  const { PATH: path = '' } = env;
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, program)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
