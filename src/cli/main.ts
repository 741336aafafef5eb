import { homedir, tmpdir, userInfo } from 'node:os';
import { isatty } from 'node:tty';
import { realWorld } from '../gateways/real/world.js';
import type { Cli, Input, Sink } from './cli.js';
import { EXIT } from './exit-code.js';
import { runProgram } from './program.js';

process.exitCode = await runProgram(processCli(), process.argv.slice(2));

function processCli(): Cli {
  const { env } = process;
  const uid = process.getuid?.() ?? -1;
  return {
    world: realWorld(),
    env,
    stdin: standardInput(),
    stdout: sinkOf(process.stdout),
    stderr: sinkOf(process.stderr),
    ...signals(),
    user: { uid, home: homedir(), env, temporary: tmpdir() },
    userName: nameOfUser(uid),
  };
}

function sinkOf(stream: NodeJS.WriteStream): Sink {
  // A reader that went away, such as `head`, has seen enough.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? EXIT.ok);
    throw error;
  });
  return {
    write: (text) => {
      stream.write(text);
    },
    isTerminal: stream.isTTY === true,
    get columns() {
      return stream.isTTY === true ? stream.columns : undefined;
    },
    get rows() {
      return stream.isTTY === true ? stream.rows : undefined;
    },
    onResize: (listener) => {
      stream.on('resize', listener);
      return () => stream.off('resize', listener);
    },
  };
}

/** Opened by whoever reads it only: what is never opened keeps nothing alive. */
function standardInput(): Input {
  return {
    get isTerminal() {
      return isatty(0);
    },
    setRaw: (isRaw) => {
      if (process.stdin.isTTY) process.stdin.setRawMode(isRaw);
    },
    read: () => process.stdin,
    close: () => process.stdin.destroy(),
  };
}

/** The first signal asks to end, the second one does not ask: what is durable stays so either way. */
function signals(): Pick<Cli, 'interrupted' | 'takeSignals'> {
  const controller = new AbortController();
  const takers = new Set<(signal: number) => void>();
  const numbers = { SIGINT: 2, SIGTERM: 15 } as const;
  for (const [name, number] of Object.entries(numbers)) {
    process.on(name, () => {
      for (const take of takers) take(number);
      if (takers.size > 0) return;
      if (controller.signal.aborted) process.exit(128 + number);
      controller.abort();
    });
  }
  const takeSignals = (listener: (signal: number) => void) => {
    takers.add(listener);
    return () => takers.delete(listener);
  };
  return { interrupted: controller.signal, takeSignals };
}

/** A container's user often has no name. */
function nameOfUser(uid: number): string {
  try {
    return userInfo().username;
  } catch {
    return `user-${uid}`;
  }
}
