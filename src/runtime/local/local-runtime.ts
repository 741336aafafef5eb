import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { InstanceId } from '../../../machines/ids.js';
import type { CommandEnd } from '../../../machines/workspace-phase.js';
import { StewardError } from '../../errors/steward-error.js';
import { sleep } from '../../gateways/clock.js';
import type { ProcessIdentity } from '../../gateways/processes.js';
import type { World } from '../../gateways/world.js';
import * as bounds from '../bounds.js';
import type { ExecRequest, RunningExec } from '../exec.js';
import type { LogOptions, LogPiece } from '../log.js';
import type { Listener, RunRequest, RunState, WorkspaceRuntime } from '../workspace-runtime.js';
import { cgroupsFrom, openCgroups, removeCgroup } from './cgroup.js';
import { Execs } from './execs.js';
import { Home } from './home.js';
import { launch } from './launch.js';
import { LogFiles } from './log-files.js';
import { Members, type RunMarks } from './members.js';
import { type Owner, RunFolder } from './run-folder.js';
import { RunLog } from './run-log.js';
import { RunRecord } from './run-note.js';
import { Sockets } from './sockets.js';

export interface LocalRuntimeOptions {
  /** Folders of runs, and logs; made if missing. */
  readonly runs: string;
  readonly logs: string;
  /** Who the commands run as; absent: the present user, which only root can change. */
  readonly owner: Owner | undefined;
  /** Absent: the bounds of this folder. */
  readonly logFileBytes?: number;
  readonly logFilesKept?: number;
  /** False: as on a machine without cgroups. */
  readonly useCgroups?: boolean;
}

/** Commands as processes of this machine, each under a shim that outlives us. */
export class LocalRuntime implements WorkspaceRuntime {
  readonly #world: World;
  readonly #options: Required<LocalRuntimeOptions>;
  readonly #members: Members;
  readonly #home: Home;
  readonly #sockets: Sockets;
  readonly #execs: Execs;
  #cgroups: Promise<string | undefined> | undefined;
  /** Runs that this life of ours has asked to end, so that asking again only shortens the wait. */
  readonly #asked = new Set<InstanceId>();

  constructor(world: World, options: LocalRuntimeOptions) {
    this.#world = world;
    this.#options = {
      logFileBytes: bounds.LOG_FILE_BYTES,
      logFilesKept: bounds.LOG_FILES_KEPT,
      useCgroups: true,
      ...options,
    };
    this.#members = new Members(world, options.owner);
    this.#home = new Home(world, options.runs, options.owner);
    this.#sockets = new Sockets(world.files, this.#members);
    this.#execs = new Execs(world, this.#members, options.owner);
  }

  async start(run: RunRequest, signal: AbortSignal): Promise<RunState> {
    const before = await this.adopt(run.instance);
    if (before.state !== 'absent') return before;
    signal.throwIfAborted();
    const { files } = this.#world;
    const { owner, runs, logs } = this.#options;
    const folder = this.#folder(run.instance);
    await files.makeDirectory(runs, 0o711);
    await files.makeDirectory(logs, 0o700);
    await folder.make(owner);
    await this.#home.identify(run.instance, run.git);
    if (run.sshKeys.length > 0) await this.#home.authorize(run.instance, run.sshKeys);
    const record = this.#record(run.instance);
    await launch(this.#world, this.#options, run, { folder, record, cgroups: await this.#openCgroups() });
    return this.#appeared(run.instance, signal);
  }

  async adopt(instance: InstanceId): Promise<RunState> {
    const folder = this.#folder(instance);
    const occupant = await folder.occupant();
    if (occupant.kind === 'nobody') return { state: 'absent' };
    if (occupant.kind === 'tombstone') return { state: 'never-started' };
    if (await this.#isRunning(occupant.identity)) return { state: 'running' };
    const code = await folder.exitCode();
    if (code !== undefined) return { state: 'ended', end: { kind: 'exited', code } };
    return { state: 'ended', end: { kind: 'lost', reason: 'it was killed, or the machine was restarted' } };
  }

  async ended(instance: InstanceId, signal: AbortSignal): Promise<CommandEnd> {
    const occupant = await this.#folder(instance).occupant();
    let pauseMs = bounds.WATCH_PAUSE_MIN_MS;
    while (occupant.kind === 'shim' && (await this.#isRunning(occupant.identity))) {
      await sleep(this.#world.clock, pauseMs, signal);
      pauseMs = Math.min(bounds.WATCH_PAUSE_MAX_MS, pauseMs * 2);
    }
    const run = await this.adopt(instance);
    if (run.state !== 'ended') return { kind: 'lost', reason: 'nothing is known of its run any more' };
    await this.#sweep(instance, signal);
    return run.end;
  }

  async stop(instance: InstanceId, killAt: number, signal: AbortSignal): Promise<CommandEnd | undefined> {
    const run = await this.adopt(instance);
    switch (run.state) {
      case 'never-started':
        return undefined;
      case 'absent':
        return (await this.#folder(instance).close()) ? undefined : this.stop(instance, killAt, signal);
      case 'ended':
        await this.#sweep(instance, signal);
        return run.end;
      case 'running':
        return this.#end(instance, killAt, signal);
    }
  }

  logs(instance: InstanceId, options: LogOptions): AsyncIterable<LogPiece> {
    const { clock, files } = this.#world;
    const folder = async () => (await this.#log(instance))?.path;
    return new LogFiles(clock, files, folder, this.#options.logFileBytes).read(options);
  }

  async exec(instance: InstanceId, request: ExecRequest): Promise<RunningExec> {
    const folder = this.#folder(instance);
    const [occupant, note] = await Promise.all([folder.occupant(), this.#record(instance).read()]);
    const { state } = await this.adopt(instance);
    if (state !== 'running' || occupant.kind !== 'shim' || note === undefined) {
      throw new StewardError('wrong-state', 'the command of the instance does not run');
    }
    return this.#execs.start(instance, request, {
      ...note,
      shim: occupant.identity,
      run: folder.path,
      start: occupant.start,
      isRunning: async () => (await this.adopt(instance)).state === 'running',
    });
  }

  async authorize(instance: InstanceId, sshKeys: readonly string[]): Promise<void> {
    if ((await this.adopt(instance)).state === 'running') await this.#home.authorize(instance, sshKeys);
  }

  async listener(instance: InstanceId, port: number): Promise<Listener | undefined> {
    const marks = await this.#marks(instance);
    return marks.shim === undefined ? undefined : this.#sockets.listener(marks, marks.shim.pid, port);
  }

  async remove(instance: InstanceId): Promise<void> {
    this.#asked.delete(instance);
    const record = this.#record(instance);
    const { cgroups } = (await record.read()) ?? {};
    const left = cgroups === undefined ? [] : await cgroupsFrom(this.#world.files, cgroups);
    for (const cgroup of left) await removeCgroup(this.#world, cgroup);
    const folder = this.#folder(instance);
    await folder.remove();
    await record.remove();
    this.#sockets.forget(folder.path);
  }

  /** Politely until `killAt`, then not. */
  async #end(instance: InstanceId, killAt: number, signal: AbortSignal): Promise<CommandEnd> {
    const { clock } = this.#world;
    if (clock.now() < killAt && !this.#asked.has(instance)) {
      await this.#askToEnd(instance);
      this.#asked.add(instance);
    }
    const { shim } = await this.#marks(instance);
    let pauseMs = bounds.SWEEP_PAUSE_MIN_MS;
    while (clock.now() < killAt && shim !== undefined && (await this.#isRunning(shim))) {
      await sleep(clock, Math.min(pauseMs, killAt - clock.now()), signal);
      pauseMs = Math.min(bounds.STOP_PAUSE_MAX_MS, pauseMs * 1.5);
    }
    const inTime = await this.adopt(instance);
    await this.#sweep(instance, signal);
    if (inTime.state === 'ended') return inTime.end;
    const after = await this.adopt(instance);
    return after.state === 'ended' && after.end.kind === 'exited' ? after.end : KILLED;
  }

  /** The group at once, so that none of it forks away meanwhile, then those outside it. */
  async #askToEnd(instance: InstanceId): Promise<void> {
    const marks = await this.#marks(instance);
    await this.#signalGroup(marks, 'SIGTERM');
    for (const { identity, group } of await this.#members.list(marks)) {
      if (group !== marks.shim?.pid) await this.#world.processes.signalProcess(identity, 'SIGTERM');
    }
  }

  /** Kills what is left of it, waits until that is gone, and until its log is complete. */
  async #sweep(instance: InstanceId, signal: AbortSignal): Promise<void> {
    const { clock } = this.#world;
    const marks = await this.#marks(instance);
    const giveUpAt = clock.monotonic() + bounds.KILL_WAIT_MS;
    for (let pauseMs = bounds.SWEEP_PAUSE_MIN_MS; await this.#killAll(marks); pauseMs *= 2) {
      if (clock.monotonic() > giveUpAt) {
        throw new StewardError('process-failed', "processes of the workspace's command cannot be killed");
      }
      await sleep(clock, Math.min(pauseMs, bounds.STOP_PAUSE_MAX_MS), signal);
    }
    await (await this.#log(instance))?.completed(signal);
  }

  /** The group at once, so that none of it forks away meanwhile; false when nothing was left. */
  async #killAll(marks: RunMarks): Promise<boolean> {
    const inGroup = marks.cgroups === undefined && (await this.#signalGroup(marks, 'SIGKILL'));
    return (await this.#members.kill(marks)) || inGroup;
  }

  async #signalGroup({ shim }: RunMarks, signal: 'SIGTERM' | 'SIGKILL'): Promise<boolean> {
    if (shim === undefined || !(await this.#isOurs(shim.pid))) return false;
    return this.#world.processes.signalGroup(shim, signal);
  }

  async #marks(instance: InstanceId): Promise<RunMarks> {
    const folder = this.#folder(instance);
    const occupant = await folder.occupant();
    const note = await this.#record(instance).read();
    const shim = occupant.kind === 'shim' ? occupant.identity : undefined;
    return { run: folder.path, shim, cgroups: note?.cgroups };
  }

  async #isRunning(identity: ProcessIdentity): Promise<boolean> {
    return (await this.#isOurs(identity.pid)) && this.#world.processes.isAlive(identity);
  }

  /** As root, only processes of the workspace's user count: the file that names them belongs to that user. */
  async #isOurs(pid: number): Promise<boolean> {
    const { owner } = this.#options;
    const found = await this.#world.files.stat(`/proc/${pid}`);
    return found === undefined || owner === undefined || found.uid === owner.uid;
  }

  /** A shim tells who it is first of all; of two, the one whose name is there counts. */
  async #appeared(instance: InstanceId, signal: AbortSignal): Promise<RunState> {
    const { clock } = this.#world;
    const giveUpAt = clock.monotonic() + bounds.IDENTITY_WAIT_MS;
    let pauseMs = 1;
    for (;;) {
      const run = await this.adopt(instance);
      if (run.state !== 'absent') return run;
      if (clock.monotonic() > giveUpAt) {
        throw new StewardError(
          'process-failed',
          'the shell that runs the command did not come up; see its log',
        );
      }
      await sleep(clock, pauseMs, signal);
      pauseMs = Math.min(bounds.WATCH_PAUSE_MIN_MS, pauseMs * 2);
    }
  }

  async #log(instance: InstanceId): Promise<RunLog | undefined> {
    const occupant = await this.#folder(instance).occupant();
    if (occupant.kind !== 'shim') return undefined;
    return new RunLog(this.#world, this.#record(instance).logFolder(occupant.start));
  }

  #openCgroups(): Promise<string | undefined> {
    const { runs, useCgroups } = this.#options;
    if (!useCgroups) return Promise.resolve(undefined);
    const name = `steward-${createHash('sha256').update(runs).digest('hex').slice(0, 8)}`;
    this.#cgroups ??= openCgroups(this.#world, name);
    return this.#cgroups;
  }

  #folder(instance: InstanceId): RunFolder {
    return new RunFolder(this.#world.files, this.#options.runs, instance);
  }

  #record(instance: InstanceId): RunRecord {
    return new RunRecord(this.#world.files, join(this.#options.logs), instance);
  }
}

/** As shells report a command that SIGKILL ended. */
const KILLED: CommandEnd = { kind: 'exited', code: 137 };
