import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, closeSync, openSync, unlinkSync } from 'node:fs';
import { promisify } from 'node:util';
import type { DetachedCommand, LoggerCommand, ProcessIdentity } from '../processes.js';
import { identify } from './proc-stat.js';

/** Starts the program, found already, as one that outlives us. */
export async function startDetached(command: DetachedCommand): Promise<ProcessIdentity> {
  const output = await outputOf(command);
  try {
    const child = spawn(command.program, [...command.args], {
      cwd: command.cwd,
      env: { ...command.env },
      detached: true,
      stdio: [command.hold === undefined ? 'ignore' : 'pipe', output, output],
      ...(command.uid === undefined ? {} : { uid: command.uid }),
      ...(command.gid === undefined ? {} : { gid: command.gid }),
    });
    child.unref();
    if (child.pid === undefined) {
      const [error] = await once(child, 'error');
      throw error;
    }
    const identity = identify(child.pid);
    if (command.hold !== undefined) await letGo(child, command.hold(child.pid));
    return identity;
  } finally {
    closeSync(output);
  }
}

async function letGo(child: ChildProcess, held: Promise<void>): Promise<void> {
  // One that has ended already reads nothing, and its end is told elsewhere.
  child.stdin?.on('error', () => undefined);
  try {
    await held;
    child.stdin?.end('\n');
  } catch (error) {
    child.stdin?.destroy();
    throw error;
  }
}

async function outputOf(command: DetachedCommand): Promise<number> {
  if (command.logger === undefined) return openSync(command.logPath, 'a', 0o600);
  return pipeTo(command.logger, command);
}

/**
 * The writing end of a pipe that the logger reads. It belongs to the program's user, because opening /dev/stdout
 * opens the pipe again; it has a name only until both ends are open, which never waits.
 */
async function pipeTo(logger: LoggerCommand, { logPath, uid, gid }: DetachedCommand): Promise<number> {
  await promisify(execFile)('mkfifo', ['-m', '600', logPath]);
  const open: number[] = [];
  try {
    if (uid !== undefined && gid !== undefined) chownSync(logPath, uid, gid);
    open.push(openSync(logPath, 'r+'));
    const input = openSync(logPath, 'r');
    open.push(input);
    const output = openSync(logPath, 'w');
    const child = spawn(logger.program, [...logger.args], {
      cwd: logger.cwd,
      env: { ...logger.env },
      detached: true,
      stdio: [input, 'ignore', 'ignore'],
    });
    child.unref();
    if (child.pid !== undefined) return output;
    closeSync(output);
    const [error] = await once(child, 'error');
    throw error;
  } finally {
    for (const descriptor of open) closeSync(descriptor);
    unlinkSync(logPath);
  }
}
