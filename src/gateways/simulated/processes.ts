import { Readable } from 'node:stream';
import type { Clock } from '../clock.js';
import { fileError } from '../file-error.js';
import type { Files } from '../files.js';
import type {
  DetachedCommand,
  KillSignal,
  ProcessCommand,
  Processes,
  ProcessIdentity,
  RunningProcess,
} from '../processes.js';
import type { SimulatedFiles } from './files.js';
import { noProcessFaults, type ProcessFaults } from './process-faults.js';
import { runProgram, type SimulatedProgram } from './program.js';

/** By the name or path they are started with. */
export type SimulatedPrograms = Readonly<Record<string, SimulatedProgram>>;

interface Detached {
  readonly identity: ProcessIdentity;
  readonly kill: (signal: KillSignal) => void;
  isAlive: boolean;
}

/** The simulated kernel's list of processes, which outlives the program that started them. */
class ProcessTable {
  /** With the command line of each. */
  readonly children = new Map<RunningProcess, string>();
  readonly detached = new Map<number, Detached>();
  pids = 1_000;
  boots = 1;
}

/** Processes that are functions. */
export class SimulatedProcesses implements Processes {
  /** May be replaced at any time. */
  faults: ProcessFaults = noProcessFaults;
  readonly #clock: Clock;
  readonly #files: SimulatedFiles;
  readonly #programs: SimulatedPrograms;
  readonly #table: ProcessTable;
  readonly #self: Detached;
  #isDead = false;

  constructor(clock: Clock, files: SimulatedFiles, programs: SimulatedPrograms, table = new ProcessTable()) {
    this.#clock = clock;
    this.#files = files;
    this.#programs = programs;
    this.#table = table;
    this.#table.pids += 1;
    const identity = { pid: this.#table.pids, startTicks: clock.monotonic(), bootId: this.#bootId };
    this.#self = { identity, kill: () => undefined, isAlive: true };
    this.#table.detached.set(identity.pid, this.#self);
  }

  /** Children that run, detached ones apart: at rest there should be none. */
  get running(): number {
    return this.#table.children.size;
  }

  /** Command lines of those that run. */
  get commands(): readonly string[] {
    return [...this.#table.children.values()];
  }

  /** SIGKILL of our own program: its children end with it, detached processes live on. */
  kill(files: SimulatedFiles): SimulatedProcesses {
    this.#isDead = true;
    this.#self.isAlive = false;
    for (const child of this.#table.children.keys()) child.kill('SIGKILL');
    this.#table.children.clear();
    return new SimulatedProcesses(this.#clock, files, this.#programs, this.#table);
  }

  /** A reboot: nothing lives on. */
  reboot(files: SimulatedFiles): SimulatedProcesses {
    for (const detached of this.#table.detached.values()) detached.kill('SIGKILL');
    this.#table.detached.clear();
    this.#table.boots += 1;
    return this.kill(files);
  }

  start(command: ProcessCommand): RunningProcess {
    if (!this.#isDead && command.signal?.aborted) return notStarted(command.signal.reason);
    const child = this.#run(command);
    if (this.#isDead) {
      // We were killed in its very first operation.
      child?.kill('SIGKILL');
      return { ...notStarted(new Error('dead')), exit: new Promise(() => undefined) };
    }
    if (child === undefined) return notStarted(fileError('ENOENT', 'spawn', command.program));
    this.#table.children.set(child, [command.program, ...command.args].join(' '));
    void child.exit.then(() => this.#table.children.delete(child));
    return child;
  }

  async startDetached(command: DetachedCommand): Promise<ProcessIdentity> {
    if (this.#isDead) return new Promise(() => undefined);
    const files = this.#files.ofOthers();
    const child = this.#run(command, files);
    if (child?.pid === undefined) throw fileError('ENOENT', 'spawn', command.program);
    await command.hold?.(child.pid);
    const identity = { pid: child.pid, startTicks: this.#clock.monotonic(), bootId: this.#bootId };
    const detached = { identity, kill: (signal: KillSignal) => child.kill(signal), isAlive: true };
    this.#table.detached.set(identity.pid, detached);
    void child.exit.then(() => {
      detached.isAlive = false;
    });
    for (const output of [child.stdout, child.stderr]) void log(files, output, command.logPath);
    return identity;
  }

  async isAlive(identity: ProcessIdentity): Promise<boolean> {
    return this.#find(identity) !== undefined;
  }

  async signalGroup(identity: ProcessIdentity, signal: KillSignal): Promise<boolean> {
    const detached = this.#find(identity);
    detached?.kill(signal);
    return detached !== undefined;
  }

  signalProcess(identity: ProcessIdentity, signal: KillSignal): Promise<boolean> {
    return this.signalGroup(identity, signal);
  }

  self(): ProcessIdentity {
    return this.#self.identity;
  }

  async find(program: string): Promise<string | undefined> {
    return Object.hasOwn(this.#programs, program) ? `/usr/bin/${program}` : undefined;
  }

  get #bootId(): string {
    return `boot-${this.#table.boots}`;
  }

  #find(identity: ProcessIdentity): Detached | undefined {
    const detached = this.#table.detached.get(identity.pid);
    if (!detached?.isAlive || detached.identity.bootId !== identity.bootId) return undefined;
    return detached.identity.startTicks === identity.startTicks ? detached : undefined;
  }

  /** undefined when there is no such program, or a fault keeps it from starting. */
  #run(command: ProcessCommand | DetachedCommand, files = this.#files): RunningProcess | undefined {
    const fault = this.#isDead ? undefined : this.faults.at(command.program, command.args);
    const program = this.#programs[command.program];
    if (this.#isDead || program === undefined || fault?.kind === 'cannot-start') return undefined;
    this.#table.pids += 1;
    const pid = this.#table.pids;
    return runProgram({ program, command, pid, files, clock: this.#clock, fault });
  }
}

async function log(files: Files, output: Readable, path: string): Promise<void> {
  for await (const chunk of output) await files.append(path, chunk).catch(() => undefined);
}

function notStarted(reason: unknown): RunningProcess {
  const error = reason instanceof Error ? reason : new Error(String(reason));
  return {
    pid: undefined,
    stdout: Readable.from([]),
    stderr: Readable.from([]),
    exit: Promise.resolve({ kind: 'failed', error }),
    kill: () => undefined,
  };
}
