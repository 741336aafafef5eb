import { setMaxListeners } from 'node:events';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DaemonConfigInput } from '../../src/daemon/config.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { SeededRandom } from '../../src/gateways/simulated/random.js';
import { WorkspaceContentServiceService } from '../../src/gen/ws-daemon-api/daemon.js';
import { createChannel } from '../../src/grpc/channel.js';
import { createClient } from '../../src/grpc/client.js';
import { Caller, Unanswered } from './caller.js';
import type { DaemonNursery, DaemonProcess } from './daemon-process.js';
import { difference, fingerprint } from './fingerprint.js';
import { leftBehind, processesAt } from './left.js';
import type { PointName } from './points.js';
import { StoredBackups } from './stored.js';
import { OWNER, Workspace } from './workspace.js';

export interface DaemonRoundOptions {
  readonly nursery: DaemonNursery;
  readonly folder: string;
  readonly seed: number;
  /** Where its lives end; undefined: anywhere. */
  readonly point: PointName | undefined;
  readonly kills: number;
  /** What goes wrong around the daemon in each life but the last. */
  readonly trouble?: Trouble;
  /** How often the daemon makes backups by itself, in milliseconds; absent: hardly ever. */
  readonly backupPeriodMs?: number;
  /** An unaimed kill comes at most so long after the start; absent: soon. */
  readonly longestLifeMs?: number;
  /** Where objects are kept; absent: in a folder of the round. */
  readonly storage?: DaemonConfigInput['storage'];
  /** Brings a copy of the objects into the folder of the round; to be called before they are looked at. */
  readonly fetchObjects?: () => Promise<void>;
  /** Told of every kill, and whether it came at the point. */
  readonly onKill: (point: PointName | undefined) => void;
}

/** Something outside that does not work for a while. */
export interface Trouble {
  /** So long after its end the daemon may still go by it. */
  readonly seenLateMs?: number;
  begin(): Promise<void>;
  end(): Promise<void>;
}

const WORKSPACES = 5;
/** So many times the lives asked for may pass until one ends at the point of the round. */
const MORE_LIVES = 3;
/** A life that has not come to its point so long after it serves is ended wherever it is. */
const LIFE_MS = 2_500;
/** A layer is filled from a snapshot, which has to be taken first, and only once. */
const RARE: ReadonlySet<PointName> = new Set(['layer-switch-before', 'layer-switch-after']);
const RARE_LIFE_MS = 10_000;
const RANDOM_LIFE_MS = 500;
/** Nothing that is asked for in a round may take longer than this, on a machine with twenty other programs either. */
const CALL_MS = 120_000;
const AFTER_TROUBLE_MS = 20;
const ENDED_PROCESSES_MS = 5_000;

/** One state folder and its lives: each ends with SIGKILL but the last, in which everything has to come right. */
export class DaemonRound {
  readonly #options: DaemonRoundOptions;
  readonly #random: SeededRandom;
  readonly #workspaces: readonly Workspace[];
  readonly #stored: StoredBackups;
  #isTroubled = false;
  /** A life of this round has ended at its point. */
  #isReached = false;

  constructor(options: DaemonRoundOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#workspaces = Array.from({ length: WORKSPACES }, (_, index) => this.#workspace(index));
    this.#stored = new StoredBackups(join(options.folder, 'objects'), join(options.folder, 'read'));
  }

  #workspace(index: number): Workspace {
    return new Workspace(`w${index + 1}`, this.#options.backupPeriodMs !== undefined);
  }

  async run(): Promise<void> {
    mkdirSync(this.#options.folder, { recursive: true, mode: 0o755 });
    for (let life = 0; this.#isAnotherDue(life); life += 1) {
      await this.#lifeThatEnds();
      await this.#checkAfterKill();
    }
    await this.#lastLife();
  }

  /** On a busy machine lives may end before they come to their point. */
  #isAnotherDue(life: number): boolean {
    const { kills, point } = this.#options;
    return life < kills || (point !== undefined && !this.#isReached && life < kills * MORE_LIVES);
  }

  /** The end of what was said and done, for a report. */
  trace(): string {
    const text = readFileSync(this.#trace, 'utf8');
    return text.split('\n').slice(-60).join('\n');
  }

  async #lifeThatEnds(): Promise<void> {
    const { point, onKill } = this.#options;
    const time = this.#random.integer(1, 2);
    const isRare = point !== undefined && RARE.has(point);
    const daemon = await this.#start(point === undefined ? undefined : { point, time: isRare ? 1 : time });
    const troubling = this.#beInTrouble(daemon);
    let isCutShort = false;
    const leaveAlone = this.#endInTime(daemon, () => {
      isCutShort = true;
      daemon.kill('SIGKILL');
    });
    try {
      await this.#whileItLives(daemon, (caller, life) => untilDead(caller, life));
      const end = await daemon.ended;
      await troubling;
      if (end !== 'SIGKILL') throw new Error(`the daemon ended by itself with ${end}`);
      this.#log(isCutShort ? 'killed' : `killed at ${point}`);
      this.#isReached ||= !isCutShort;
      onKill(isCutShort ? undefined : point);
    } finally {
      leaveAlone();
      daemon.kill('SIGKILL');
    }
  }

  /** For a life with a point, time counts from when it serves: on a busy machine a start takes long. */
  #endInTime(daemon: DaemonProcess, end: () => void): () => void {
    let timer: NodeJS.Timeout | undefined;
    const { point, longestLifeMs = RANDOM_LIFE_MS } = this.#options;
    if (point === undefined) timer = setTimeout(end, this.#random.integer(0, longestLifeMs));
    else {
      const arm = () => {
        timer = setTimeout(end, RARE.has(point) ? RARE_LIFE_MS : LIFE_MS);
      };
      daemon.ready.then(arm, () => undefined);
    }
    return () => clearTimeout(timer);
  }

  /** Begins somewhere in a life, and ends with it or before. */
  async #beInTrouble(daemon: DaemonProcess): Promise<void> {
    const { trouble } = this.#options;
    if (trouble === undefined) return;
    const [before, length] = [this.#random.integer(0, 300), this.#random.integer(50, 900)];
    await Promise.race([pause(before), daemon.ended]);
    this.#isTroubled = true;
    for (const workspace of this.#workspaces) workspace.isBefallen = true;
    this.#log('trouble begins');
    await trouble.begin();
    await Promise.race([pause(length), daemon.ended]);
    await trouble.end();
    this.#log('trouble ends');
    // Until it looks again, it goes by what it saw.
    if (trouble.seenLateMs !== undefined) await Promise.race([pause(trouble.seenLateMs), daemon.ended]);
    this.#isTroubled = false;
  }

  /** A daemon may not be able to start while there is trouble. */
  async #served(daemon: DaemonProcess): Promise<readonly string[] | undefined> {
    try {
      return await daemon.ready;
    } catch (error) {
      if (this.#options.trouble === undefined) throw error;
      this.#log(`start failed: ${error}`);
      daemon.kill('SIGKILL');
      return undefined;
    }
  }

  /** Everything asked for comes right, is saved, lets go, comes back, and leaves nothing. */
  async #lastLife(): Promise<void> {
    const daemon = await this.#start(undefined);
    try {
      await this.#whileItLives(daemon, async (caller, _life, workspace) => {
        await caller.comeBack();
        if (workspace.phase !== 'none') {
          await caller.dispose();
          await caller.dispose();
        }
        await caller.setUpAgain();
        await caller.dispose();
      });
      daemon.kill('SIGTERM');
      const end = await daemon.ended;
      if (end !== 0) throw new Error(`asked to stop, the daemon ended with ${end}`);
    } finally {
      daemon.kill('SIGKILL');
    }
    await this.#checkStored();
    const left = await leftBehind(this.#options.folder);
    if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`);
  }

  async #whileItLives(
    daemon: DaemonProcess,
    work: (caller: Caller, life: AbortSignal, workspace: Workspace) => Promise<void>,
  ): Promise<void> {
    const addresses = await this.#served(daemon);
    const address = addresses?.[0];
    if (address === undefined) return;
    const channel = createChannel(address, { clock: realWorld().clock });
    const death = new AbortController();
    // Every call that is cut off waits for it.
    setMaxListeners(0, death.signal);
    void daemon.ended.then(() => death.abort());
    const client = createClient(WorkspaceContentServiceService, channel, { timeoutMs: CALL_MS });
    const random = this.#random.fork();
    try {
      const works = this.#workspaces.map(async (workspace) => {
        const around = {
          client,
          life: death.signal,
          random: random.fork(),
          isTroubled: () => this.#isTroubled,
          folderOf: (instance: string) => this.#path('daemon', 'workspaces', instance),
          log: (line: string) => this.#log(line),
        };
        await work(new Caller(workspace, around), death.signal, workspace);
      });
      await all(works);
    } finally {
      channel.close();
    }
  }

  /** Content that was in use is there, or its last backup is, whole. */
  async #checkAfterKill(): Promise<void> {
    for (const workspace of this.#workspaces) {
      const { content, instance, phase, isGivenUp } = workspace;
      if (content === undefined || isGivenUp || phase === 'none') continue;
      const found = await fingerprint(this.#path('daemon', 'workspaces', instance)).catch(() => []);
      const differs = difference(content, found);
      if (differs === '') continue;
      if (phase !== 'dispose asked') throw new Error(`after the kill ${instance} differs: ${differs}`);
      await this.#options.fetchObjects?.();
      const newest = (await this.#stored.backups(OWNER, workspace.id)).at(-1);
      const saved = newest === undefined ? [] : await this.#stored.restored(newest);
      const lost = difference(content, saved);
      if (lost !== '') throw new Error(`${instance} was removed before ${newest} had it all: ${lost}`);
    }
  }

  /** Everything callers were given the name of restores, read without our code. */
  async #checkStored(): Promise<void> {
    await this.#options.fetchObjects?.();
    for (const { acknowledged } of this.#workspaces) {
      for (const { kind, url, content } of acknowledged) {
        const differs = difference(content, await this.#stored.restored(this.#stored.manifestOf(url)));
        if (differs !== '') throw new Error(`${kind} ${url} restores something else: ${differs}`);
      }
    }
  }

  async #start(
    killAt: { readonly point: PointName; readonly time: number } | undefined,
  ): Promise<DaemonProcess> {
    await this.#noProcessOfBefore();
    if (killAt?.point.startsWith('quarantine')) this.#plantStray();
    const root = process.getuid?.() === 0;
    const [uid, gid] = root ? [33333, 33333] : [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
    this.#log(`start${killAt === undefined ? '' : ` to die at ${killAt.point}, time ${killAt.time}`}`);
    const { backupPeriodMs } = this.#options;
    return this.#options.nursery.start({
      log: `${this.#options.folder}.log`,
      ...(killAt === undefined ? {} : { killAt }),
      config: {
        stateFolder: this.#path('daemon'),
        secretsFolder: this.#path('secrets'),
        listen: [`unix:${this.#path('d.sock')}`],
        content: { uid, gid, isRoot: root },
        storage: this.#options.storage ?? { folder: this.#path('objects') },
        // What nobody owns is dealt with at once; what somebody owns must still be left alone.
        housekeeping: { interval: '200ms', minAge: '1ms', keep: '1ms' },
        disk: { minFree: 1 },
        ...(backupPeriodMs === undefined ? {} : { backup: { period: `${backupPeriodMs}ms` } }),
      },
    });
  }

  /** Content of nobody, as of an instance whose record was lost. */
  #plantStray(): void {
    const stray = this.#path('daemon', 'workspaces', `stray-${this.#random.integer(1, 1_000_000)}`);
    mkdirSync(stray, { recursive: true });
    writeFileSync(join(stray, 'file'), 'of nobody');
  }

  /** The kernel ends the programs of a killed daemon as soon as their pipes break; a start need not wait for it. */
  async #noProcessOfBefore(): Promise<void> {
    const until = Date.now() + ENDED_PROCESSES_MS;
    let left = await processesAt(this.#options.folder);
    while (left.length > 0 && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      left = await processesAt(this.#options.folder);
    }
    if (left.length > 0) throw new Error(`programs outlive their daemon: ${left.join(', ')}`);
  }

  #log(line: string): void {
    appendFileSync(this.#trace, `${new Date().toISOString()} ${line}\n`);
  }

  /** Beside the folder, whose disk may be full. */
  get #trace(): string {
    return `${this.#options.folder}.trace`;
  }

  #path(...names: readonly string[]): string {
    return join(this.#options.folder, ...names);
  }
}

async function untilDead(caller: Caller, life: AbortSignal): Promise<void> {
  while (!life.aborted) {
    try {
      await caller.comeBack();
      while (!life.aborted) await caller.step();
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      await pause(AFTER_TROUBLE_MS);
    }
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Waits for all, and then fails with the first failure. */
async function all(works: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(works)) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
}
