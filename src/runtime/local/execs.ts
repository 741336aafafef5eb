import { constants } from 'node:os';
import { isAbsolute, join, normalize } from 'node:path';
import type { InstanceId } from '../../../machines/ids.js';
import { StewardError } from '../../errors/steward-error.js';
import type {
  ProcessCommand,
  ProcessExit,
  ProcessIdentity,
  RunningProcess,
} from '../../gateways/processes.js';
import type { World } from '../../gateways/world.js';
import { EXECS_MAX, EXECS_PER_INSTANCE_MAX } from '../bounds.js';
import type { ExecEnd, ExecRequest, RunningExec } from '../exec.js';
import { addToCgroup } from './cgroup.js';
import { ExecInput } from './exec-input.js';
import { merged } from './exec-output.js';
import { NO_NEW_PRIVILEGES, WORKSPACE_MOUNT } from './launch.js';
import { type Members, RUN_VARIABLE } from './members.js';
import type { Owner } from './run-folder.js';
import type { RunNote } from './run-note.js';
import { TerminalExec } from './terminal.js';
import { terminalCommand } from './terminal-shims.js';

/** Where a command is to run: beside that shim. */
export interface ExecPlace extends RunNote {
  readonly shim: ProcessIdentity;
  /** Value of the variable that all its processes have. */
  readonly run: string;
  /** Name of the start it came from. */
  readonly start: string;
  /** Whether that shim is still there. */
  readonly isRunning: () => Promise<boolean>;
}

/**
 * Waits for a line, so that it can be put in its place before it does anything; `$1` is its folder, the rest the
 * command.
 */
const EXEC = `
read -r _steward_line || exit 70
cd -- "$1" || exit 126
shift
exec "$@"
`;

/** Commands that people run in instances. They end with us, and with their instance. */
export class Execs {
  readonly #world: World;
  readonly #members: Members;
  readonly #owner: Owner | undefined;
  /** How many run, by instance. */
  readonly #running = new Map<InstanceId, number>();

  constructor(world: World, members: Members, owner: Owner | undefined) {
    this.#world = world;
    this.#members = members;
    this.#owner = owner;
  }

  async start(instance: InstanceId, request: ExecRequest, place: ExecPlace): Promise<RunningExec> {
    this.#enter(instance);
    try {
      const running = await this.#start(request, place);
      void running.end.then(() => this.#leave(instance));
      return running;
    } catch (error) {
      this.#leave(instance);
      throw error;
    }
  }

  async #start(request: ExecRequest, place: ExecPlace): Promise<RunningExec> {
    const environment = await this.#members.environment(place.shim.pid);
    if (environment === undefined) {
      throw new StewardError('wrong-state', 'the command of the instance does not run any more');
    }
    const input = new ExecInput();
    const terminal = request.terminal === undefined ? {} : { TERM: 'xterm-256color' };
    const command: ProcessCommand = {
      ...(await this.#programOf(request, this.#folderOf(request, place))),
      env: { ...terminal, ...Object.fromEntries(environment), ...request.env, [RUN_VARIABLE]: place.run },
      cwd: '/',
      input: input.stream,
      ...this.#owner,
    };
    const process = this.#world.processes.start(command);
    if (process.pid === undefined) throw await notStarted(process.exit);
    try {
      const { cgroups, start } = place;
      if (cgroups !== undefined) await addToCgroup(this.#world.files, `${cgroups}${start}`, process.pid);
      // A stop that began meanwhile may have looked for the last time before it was there to be found.
      if (!(await place.isRunning())) throw new Error('it was stopped meanwhile');
    } catch (cause) {
      process.kill('SIGKILL');
      throw new StewardError('wrong-state', 'the command of the instance does not run any more', { cause });
    }
    await input.write(Buffer.from('\n'));
    const plain = plainExec(process, process.pid, input);
    if (request.terminal === undefined) return plain;
    return TerminalExec.open(this.#world, this.#members, this.#owner, process, plain);
  }

  async #programOf({ command, terminal }: ExecRequest, folder: string) {
    const [program = '/bin/sh', ...prefix] = [...(await this.#dependent()), '/bin/sh'];
    if (terminal === undefined) {
      return { program, args: [...prefix, '-c', EXEC, 'steward-exec', folder, ...command] };
    }
    if ((await this.#world.processes.find('script')) === undefined) {
      throw new StewardError('missing-tool', 'a terminal needs the program script (util-linux)');
    }
    return { program, args: [...prefix, '-c', ...terminalCommand(folder, command, terminal)] };
  }

  /** It must not outlive us, for nobody would be left to end it; and gets no rights by set-id programs, as the command of the instance does not. */
  async #dependent(): Promise<readonly string[]> {
    const setpriv = await this.#world.processes.find('setpriv');
    if (setpriv === undefined) return [];
    return [setpriv, '--pdeathsig=KILL', ...(this.#owner === undefined ? [] : [NO_NEW_PRIVILEGES]), '--'];
  }

  /** As the command finds it: a folder that is not there, or not for its user, is its own failure. */
  #folderOf({ workingFolder }: ExecRequest, place: ExecPlace): string {
    if (workingFolder === '') return place.workingFolder;
    if (!isAbsolute(workingFolder)) {
      throw new StewardError('invalid-argument', 'working_directory must be absolute');
    }
    if (!WORKSPACE_MOUNT.test(workingFolder)) return workingFolder;
    return join(place.contentFolder, normalize(`/${workingFolder.replace(WORKSPACE_MOUNT, '')}`));
  }

  #enter(instance: InstanceId): void {
    const here = this.#running.get(instance) ?? 0;
    const all = [...this.#running.values()].reduce((sum, count) => sum + count, 0);
    if (here >= EXECS_PER_INSTANCE_MAX || all >= EXECS_MAX) {
      const where = here >= EXECS_PER_INSTANCE_MAX ? 'in this instance' : 'on this machine';
      throw new StewardError('overloaded', `too many commands run ${where} already`);
    }
    this.#running.set(instance, here + 1);
  }

  #leave(instance: InstanceId): void {
    const here = (this.#running.get(instance) ?? 1) - 1;
    if (here === 0) this.#running.delete(instance);
    else this.#running.set(instance, here);
  }
}

function plainExec(process: RunningProcess, pid: number, input: ExecInput): RunningExec {
  const end = process.exit.then(endOf);
  return {
    pid,
    get output() {
      return merged(process.stdout, process.stderr);
    },
    write: (data) => input.write(data),
    endInput: () => input.end(),
    resize: async () => undefined,
    signal: async (signal) => process.kill(signal),
    end,
    kill: async () => {
      process.kill('SIGKILL');
      // What nobody reads any more would keep it from counting as ended.
      process.stdout.destroy();
      process.stderr.destroy();
      await end;
    },
  };
}

async function notStarted(exit: Promise<ProcessExit>): Promise<StewardError> {
  const ended = await exit;
  const cause = ended.kind === 'failed' ? ended.error : undefined;
  if (cause !== undefined && 'code' in cause && cause.code === 'E2BIG') {
    return new StewardError(
      'invalid-argument',
      'the command and its environment are larger than the system allows',
    );
  }
  return new StewardError('process-failed', 'the command could not be started', { cause });
}

function endOf(exit: ProcessExit): ExecEnd {
  switch (exit.kind) {
    case 'code':
      return exit;
    case 'signal': {
      const number = Object.entries(constants.signals).find(([name]) => name === exit.signal)?.[1];
      return { kind: 'signal', signal: number ?? constants.signals.SIGKILL };
    }
    case 'failed':
      return { kind: 'signal', signal: constants.signals.SIGKILL };
  }
}
