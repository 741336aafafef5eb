import { errorCode } from '../../gateways/file-error.js';
import type { ProcessIdentity } from '../../gateways/processes.js';
import { type ProcStat, parseProcStat } from '../../gateways/real/proc-stat.js';
import type { World } from '../../gateways/world.js';
import { ENVIRONMENT_BYTES_MAX, LOOKS_AT_A_TIME, PROC_STAT_BYTES_MAX } from '../bounds.js';
import { cgroupPids, cgroupsFrom, isPopulated, killCgroup } from './cgroup.js';
import type { Owner } from './run-folder.js';

/** Variable that every process of a run inherits: the path of the run's folder. */
export const RUN_VARIABLE = 'STEWARD_RUN';

/** By what the processes of one run are known. */
export interface RunMarks {
  /** Value of the variable. */
  readonly run: string;
  /** The leader of its session; undefined when it is not known. */
  readonly shim: ProcessIdentity | undefined;
  /** How the folders of its groups begin; undefined where the machine has none. */
  readonly cgroups: string | undefined;
}

export interface Member {
  readonly identity: ProcessIdentity;
  readonly group: number;
  readonly session: number;
  /** The group that has its terminal; -1 without one. */
  readonly foreground: number;
}

/**
 * All processes of a run, those that left its process group and its session too. Where there is no cgroup, one that
 * also gave up its environment is not found.
 */
export class Members {
  readonly #world: World;
  readonly #owner: Owner | undefined;
  /** The look under way, and the one that begins after it. */
  #looking: Promise<unknown> = Promise.resolve();
  #next: Promise<readonly Member[]> | undefined;

  constructor(world: World, owner: Owner | undefined) {
    this.#world = world;
    this.#owner = owner;
  }

  async list(marks: RunMarks): Promise<readonly Member[]> {
    if (marks.cgroups !== undefined) {
      const { files } = this.#world;
      const folders = await cgroupsFrom(files, marks.cgroups);
      return this.#living((await inBatches(folders, (folder) => cgroupPids(files, folder))).flat());
    }
    const all = await this.#ofOwner();
    const belong = await inBatches(all, (member) => this.#belongs(member, marks));
    return all.filter((_, index) => belong[index]);
  }

  /** All of the session of that leader, who may have ended: what has a terminal in common. */
  async ofSession(leader: ProcessIdentity): Promise<readonly Member[]> {
    const all = await this.#ofOwner();
    const members = all.filter(({ session }) => session === leader.pid);
    // The number goes to somebody else only when nobody is left.
    const other = members.find(({ identity }) => identity.pid === leader.pid);
    return other !== undefined && other.identity.startTicks !== leader.startTicks ? [] : members;
  }

  async identify(pid: number): Promise<ProcessIdentity | undefined> {
    const [member] = await this.#living([pid]);
    return member?.identity;
  }

  /** Kills all of them; false when there are none. */
  async kill(marks: RunMarks): Promise<boolean> {
    const { files, processes } = this.#world;
    if (marks.cgroups !== undefined) {
      const folders = await cgroupsFrom(files, marks.cgroups);
      const populated = await inBatches(folders, (folder) => isPopulated(files, folder));
      if (!populated.includes(true)) return false;
      const killed = await inBatches(folders, (folder) => killCgroup(files, folder));
      if (!killed.includes(false)) return true;
    }
    const members = await this.list(marks);
    for (const { identity } of members) await processes.signalProcess(identity, 'SIGKILL');
    return members.length > 0;
  }

  async #belongs({ identity, session }: Member, { run, shim }: RunMarks): Promise<boolean> {
    if (shim !== undefined) {
      // Who is older than the shim does not come from it. Of an earlier boot nobody is left.
      if (shim.bootId !== identity.bootId || identity.startTicks < shim.startTicks) return false;
      if (session === shim.pid) return true;
    }
    const environment = await this.environment(identity.pid);
    return environment?.get(RUN_VARIABLE) === run;
  }

  /** What a process was started with; undefined when it is gone, or does not let us see. */
  async environment(pid: number): Promise<ReadonlyMap<string, string> | undefined> {
    const bytes = await this.#read(`/proc/${pid}/environ`, ENVIRONMENT_BYTES_MAX);
    if (bytes === undefined) return undefined;
    const variables = bytes.toString('utf8').split('\0').filter(Boolean);
    return new Map(variables.map((variable) => splitOnce(variable)));
  }

  /**
   * All that belong to the workspaces' user. Many runs that end at the same time look together: each waits for the
   * next look to begin, so that nothing it did before is missed.
   */
  #ofOwner(): Promise<readonly Member[]> {
    this.#next ??= this.#looking.then(() => {
      this.#next = undefined;
      const found = this.#pidsOfOwner().then((pids) => this.#living(pids));
      this.#looking = found.catch(() => undefined);
      return found;
    });
    return this.#next;
  }

  async #pidsOfOwner(): Promise<readonly number[]> {
    const { files, processes } = this.#world;
    const uid = this.#owner?.uid ?? (await files.stat(`/proc/${processes.self().pid}`))?.uid;
    const names = (await files.list('/proc')).map(({ name }) => name).filter((name) => /^\d+$/.test(name));
    const pids = await inBatches(names, async (name) => {
      return (await files.stat(`/proc/${name}`))?.uid === uid ? Number(name) : undefined;
    });
    return pids.filter((pid) => pid !== undefined);
  }

  /** Those that have not ended; one that was not waited for has. */
  async #living(pids: readonly number[]): Promise<readonly Member[]> {
    const { bootId } = this.#world.processes.self();
    const members = await inBatches(pids, async (pid): Promise<Member | undefined> => {
      const stat = await this.#stat(pid);
      if (stat === undefined || stat.state === 'Z' || stat.state === 'X') return undefined;
      const { group, session, foreground, startTicks } = stat;
      return { identity: { pid, startTicks, bootId }, group, session, foreground };
    });
    return members.filter((member) => member !== undefined);
  }

  async #stat(pid: number): Promise<ProcStat | undefined> {
    const text = await this.#read(`/proc/${pid}/stat`, PROC_STAT_BYTES_MAX);
    return text === undefined ? undefined : parseProcStat(text.toString('latin1'));
  }

  async #read(path: string, limitBytes: number): Promise<Buffer | undefined> {
    try {
      return await this.#world.files.read(path, limitBytes);
    } catch (error) {
      if (UNSEEN.has(errorCode(error) ?? '')) return undefined;
      throw error;
    }
  }
}

/** It ended meanwhile, is not ours to look at, or is absurd. */
const UNSEEN: ReadonlySet<string> = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'EFBIG']);

/** Not one after another, and not all at once. */
async function inBatches<Item, Found>(
  items: readonly Item[],
  look: (item: Item) => Promise<Found>,
): Promise<readonly Found[]> {
  const found: Found[] = [];
  for (let next = 0; next < items.length; next += LOOKS_AT_A_TIME) {
    found.push(...(await Promise.all(items.slice(next, next + LOOKS_AT_A_TIME).map(look))));
  }
  return found;
}

function splitOnce(variable: string): [string, string] {
  const at = variable.indexOf('=');
  return at < 0 ? [variable, ''] : [variable.slice(0, at), variable.slice(at + 1)];
}
