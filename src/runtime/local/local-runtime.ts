import { join, normalize, relative } from 'node:path';
import type { InstanceId } from '../../../machines/ids.js';
import type { CommandEnd } from '../../../machines/workspace-phase.js';
import { StewardError } from '../../errors/steward-error.js';
import { sleep } from '../../gateways/clock.js';
import type { ProcessIdentity } from '../../gateways/processes.js';
import type { World } from '../../gateways/world.js';
import {
  IDENTITY_WAIT_MS,
  KILL_WAIT_MS,
  STOP_PAUSE_MAX_MS,
  WATCH_PAUSE_MAX_MS,
  WATCH_PAUSE_MIN_MS,
} from '../bounds.js';
import type { LogOptions, RunRequest, RunState, WorkspaceRuntime } from '../workspace-runtime.js';
import { readLog } from './log.js';
import { RunFolder } from './run-folder.js';
import { SHIM } from './shim.js';

export interface LocalRuntimeOptions {
  /** Folders of runs, and logs; made if missing. */
  readonly runs: string;
  readonly logs: string;
  /** Who the commands run as; absent: the present user, which only root can change. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
}

/** Where the shim finds its own few tools, whatever the workspace's PATH says. */
const TOOLS_PATH = '/usr/local/bin:/usr/bin:/bin:/run/current-system/sw/bin';

/** Commands as processes of this machine, each under a shim that outlives us. */
export class LocalRuntime implements WorkspaceRuntime {
  readonly #world: World;
  readonly #options: LocalRuntimeOptions;
  /** Runs that this life of ours has asked to end, so that asking again only shortens the wait. */
  readonly #asked = new Set<InstanceId>();

  constructor(world: World, options: LocalRuntimeOptions) {
    this.#world = world;
    this.#options = options;
  }

  async start(run: RunRequest, signal: AbortSignal): Promise<RunState> {
    const before = await this.adopt(run.instance);
    if (before.state !== 'absent') return before;
    signal.throwIfAborted();
    const { files, processes } = this.#world;
    const { owner, runs, logs } = this.#options;
    const folder = this.#folder(run.instance);
    await files.makeDirectory(runs, 0o711);
    await files.makeDirectory(logs, 0o700);
    await folder.make(owner);
    const command = [...(await this.#powerless()), ...run.command];
    await processes.startDetached({
      program: '/bin/sh',
      args: ['-c', SHIM, 'steward-shim', await this.#workingFolder(run), TOOLS_PATH, ...command],
      env: { ...run.env, HOME: folder.home },
      cwd: folder.path,
      logPath: this.#log(run.instance),
      ...owner,
    });
    return this.#appeared(run.instance, signal);
  }

  /**
   * Content may hold set-id files of root (archives keep them), and nothing separates this process from the
   * machine: PR_SET_NO_NEW_PRIVS (prctl(2)) keeps such files from giving it root's rights.
   */
  async #powerless(): Promise<readonly string[]> {
    if (this.#options.owner === undefined) return [];
    const setpriv = await this.#world.processes.find('setpriv');
    return setpriv === undefined ? [] : [setpriv, '--no-new-privs', '--'];
  }

  async adopt(instance: InstanceId): Promise<RunState> {
    const folder = this.#folder(instance);
    const occupant = await folder.occupant();
    if (occupant.kind === 'nobody') return { state: 'absent' };
    if (occupant.kind === 'tombstone') return { state: 'never-started' };
    if (await this.#isOurs(occupant.identity)) return { state: 'running' };
    const code = await folder.exitCode();
    if (code !== undefined) return { state: 'ended', end: { kind: 'exited', code } };
    return { state: 'ended', end: { kind: 'lost', reason: 'it was killed, or the machine was restarted' } };
  }

  async ended(instance: InstanceId, signal: AbortSignal): Promise<CommandEnd> {
    let pauseMs = WATCH_PAUSE_MIN_MS;
    for (;;) {
      const run = await this.adopt(instance);
      if (run.state === 'ended') {
        await this.#sweep(instance, signal);
        return run.end;
      }
      if (run.state !== 'running') return { kind: 'lost', reason: 'nothing is known of its run any more' };
      await sleep(this.#world.clock, pauseMs, signal);
      pauseMs = Math.min(WATCH_PAUSE_MAX_MS, pauseMs * 2);
    }
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

  logs(instance: InstanceId, options: LogOptions): AsyncIterable<Uint8Array> {
    return readLog(this.#world.clock, this.#world.files, this.#log(instance), options);
  }

  async remove(instance: InstanceId): Promise<void> {
    this.#asked.delete(instance);
    await this.#folder(instance).remove();
    await this.#world.files.remove(this.#log(instance));
  }

  /** Politely until `killAt`, then not. */
  async #end(instance: InstanceId, killAt: number, signal: AbortSignal): Promise<CommandEnd> {
    const { clock } = this.#world;
    if (clock.now() < killAt && !this.#asked.has(instance)) {
      await this.#signal(instance, 'SIGTERM');
      this.#asked.add(instance);
    }
    let pauseMs = WATCH_PAUSE_MIN_MS;
    while (clock.now() < killAt) {
      const run = await this.adopt(instance);
      if (run.state !== 'running') break;
      await sleep(clock, Math.min(pauseMs, killAt - clock.now()), signal);
      pauseMs = Math.min(STOP_PAUSE_MAX_MS, pauseMs * 2);
    }
    const inTime = await this.adopt(instance);
    await this.#sweep(instance, signal);
    if (inTime.state === 'ended') return inTime.end;
    const after = await this.adopt(instance);
    return after.state === 'ended' && after.end.kind === 'exited' ? after.end : KILLED;
  }

  /** Kills what is left of the group and waits until it is gone. */
  async #sweep(instance: InstanceId, signal: AbortSignal): Promise<void> {
    const { clock } = this.#world;
    const giveUpAt = clock.monotonic() + KILL_WAIT_MS;
    while (await this.#signal(instance, 'SIGKILL')) {
      if (clock.monotonic() > giveUpAt) {
        throw new StewardError('process-failed', "processes of the workspace's command cannot be killed");
      }
      await sleep(clock, WATCH_PAUSE_MIN_MS, signal);
    }
  }

  async #signal(instance: InstanceId, signal: 'SIGTERM' | 'SIGKILL'): Promise<boolean> {
    const occupant = await this.#folder(instance).occupant();
    if (occupant.kind !== 'shim') return false;
    if (!(await this.#mayBeOurs(occupant.identity))) return false;
    return this.#world.processes.signalGroup(occupant.identity, signal);
  }

  async #isOurs(identity: ProcessIdentity): Promise<boolean> {
    return (await this.#mayBeOurs(identity)) && this.#world.processes.isAlive(identity);
  }

  /** As root, only processes of the workspace's user count: the file that names them belongs to that user. */
  async #mayBeOurs({ pid }: ProcessIdentity): Promise<boolean> {
    const { owner } = this.#options;
    const found = await this.#world.files.stat(`/proc/${pid}`);
    return found === undefined || owner === undefined || found.uid === owner.uid;
  }

  /** A shim tells who it is first of all; of two, the one whose name is there counts. */
  async #appeared(instance: InstanceId, signal: AbortSignal): Promise<RunState> {
    const { clock } = this.#world;
    const giveUpAt = clock.monotonic() + IDENTITY_WAIT_MS;
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
      pauseMs = Math.min(WATCH_PAUSE_MIN_MS, pauseMs * 2);
    }
  }

  async #workingFolder({ contentFolder, location }: RunRequest): Promise<string> {
    const folder = normalize(join(contentFolder, location.replace(WORKSPACE_MOUNT, '')));
    if (relative(contentFolder, folder).startsWith('..')) return contentFolder;
    return (await this.#world.files.stat(folder))?.kind === 'directory' ? folder : contentFolder;
  }

  #folder(instance: InstanceId): RunFolder {
    return new RunFolder(this.#world.files, this.#options.runs, instance);
  }

  #log(instance: InstanceId): string {
    return join(this.#options.logs, `${instance}.log`);
  }
}

/** Clients may name the folder as a container sees it, where the content is mounted here. */
const WORKSPACE_MOUNT = /^\/workspace(?=\/|$)/;

/** As shells report a command that SIGKILL ended. */
const KILLED: CommandEnd = { kind: 'exited', code: 137 };
