import { status } from '@grpc/grpc-js';
import { StewardError } from '../../src/errors/steward-error.js';
import type { SeededRandom } from '../../src/gateways/simulated/random.js';
import type { WorkspaceContentServiceService } from '../../src/gen/ws-daemon-api/daemon.js';
import type { ServiceClient } from '../../src/grpc/client.js';
import { difference, fingerprint } from './fingerprint.js';
import { edit, type Lines, OWNER, type Workspace } from './workspace.js';

export type ContentClient = ServiceClient<typeof WorkspaceContentServiceService>;

/** The daemon is dead, or its disk in trouble: nobody knows what became of the call. */
export class Unanswered extends Error {}

/** What is needed to work with the workspaces of one life. */
export interface Surroundings {
  readonly client: ContentClient;
  /** Aborts when the daemon is dead. */
  readonly life: AbortSignal;
  /** Disk or storage do not work, so that calls may fail. */
  isTroubled(): boolean;
  readonly random: SeededRandom;
  folderOf(instance: string): string;
  log(line: string): void;
}

const DEATH_MS = 5_000;

const pauseMs = (random: SeededRandom) => random.integer(0, 25);

/** Those who call for one workspace, one step after the other, and check each answer against what they know. */
export class Caller {
  readonly #workspace: Workspace;
  readonly #around: Surroundings;

  constructor(workspace: Workspace, around: Surroundings) {
    this.#workspace = workspace;
    this.#around = around;
  }

  /** After a start: the calls that were not answered are made again, and everything said before still holds. */
  async comeBack(): Promise<void> {
    const workspace = this.#workspace;
    if (workspace.phase === 'set-up asked') await this.#init();
    else if (workspace.phase === 'dispose asked')
      await (workspace.isGivenUp ? this.#discard() : this.dispose());
    else if (workspace.phase === 'ready') {
      const { exists } = await this.#ask('exists', (client, id) => client.isWorkspaceExists({ id }));
      if (!exists) throw new Error(`${workspace.instance} was told to be ready and is forgotten`);
      await this.#ask('waitForInit', (client, id) => client.waitForInit({ id }));
      this.#expectSame('the content after the restart', [workspace.content ?? []], await this.#found());
    }
  }

  /** One random step. */
  async step(): Promise<void> {
    const { random } = this.#around;
    if (this.#workspace.phase === 'none') return this.#setUp();
    const steps = [
      () => this.#edit(),
      () => this.#edit(),
      () => this.#backup(),
      () => this.#snapshot(false),
      () => this.#snapshot(true),
      () => this.dispose(),
      () => this.#disposeTwice(),
      () => this.#disposeAndAll(),
      () => this.#discard(),
    ];
    await random.pick(steps)?.();
    await new Promise((resolve) => setTimeout(resolve, pauseMs(random)));
  }

  /** Saves it and lets it go; whoever asks once more hears the same. */
  async dispose(): Promise<void> {
    await this.#disposing(() => this.#disposeOnce());
  }

  /** What was saved last is what the next instance begins with. */
  async setUpAgain(): Promise<void> {
    this.#workspace.begin(undefined, this.#around.isTroubled());
    await this.#init();
  }

  async #setUp(): Promise<void> {
    const { random } = this.#around;
    const workspace = this.#workspace;
    const snapshots = workspace.acknowledged.filter(({ kind }) => kind === 'snapshot');
    const snapshot = random.isHit(0.5) ? random.pick(snapshots) : undefined;
    workspace.begin(snapshot, this.#around.isTroubled());
    if (random.isHit(0.1)) return this.#disposeDuringInit();
    if (random.isHit(0.1)) {
      await Promise.all([this.#init(), this.#ask('init', (client) => client.initWorkspace(this.#request()))]);
    } else await this.#init();
  }

  async #init(): Promise<void> {
    const workspace = this.#workspace;
    const code = await this.#code('init', (client) => client.initWorkspace(this.#request()));
    // The answer of an earlier Init was lost.
    if (code === status.ALREADY_EXISTS) {
      if (!(await this.#isSetUp())) return this.dispose();
    } else if (code !== status.OK) throw new Error(`Init of ${workspace.instance} was answered ${code}`);
    const found = await this.#found();
    if (!workspace.isUnknown) this.#expectSame('the content of a new instance', workspace.beginnings, found);
    workspace.isReady(found);
  }

  /** False when its set-up failed because of trouble that has passed: it is on its way out and says why. */
  async #isSetUp(): Promise<boolean> {
    const code = await this.#code('waitForInit', (client, id) => client.waitForInit({ id }));
    if (code === status.OK) return true;
    if (this.#workspace.isBefallen && TROUBLES_ANSWERS.has(code)) return false;
    throw new Error(`WaitForInit of ${this.#workspace.instance} was answered ${code}`);
  }

  async #edit(): Promise<void> {
    const workspace = this.#workspace;
    if (workspace.isPromised) return;
    await edit(workspace, this.#around.folderOf(workspace.instance), this.#around.random);
  }

  async #backup(): Promise<void> {
    const workspace = this.#workspace;
    workspace.mayBeSaved();
    workspace.isBackupOwed = true;
    const wasTroubled = this.#around.isTroubled();
    const { url } = await this.#ask('backup', (client, id) => client.backupWorkspace({ id }));
    workspace.isSaved();
    // Where its record cannot be written a backup is answered without, and may be made once more.
    workspace.isBackupOwed = wasTroubled || this.#around.isTroubled();
    workspace.acknowledged.push({ kind: 'backup', url, content: workspace.content ?? [] });
  }

  async #snapshot(returnImmediately: boolean): Promise<void> {
    const workspace = this.#workspace;
    const { url } = await this.#ask('snapshot', (client, id) =>
      client.takeSnapshot({ id, returnImmediately }),
    );
    if (returnImmediately) workspace.isPromised = true;
    else workspace.acknowledged.push({ kind: 'snapshot', url, content: workspace.content ?? [] });
  }

  async #disposeTwice(): Promise<void> {
    await this.#disposing(() => Promise.all([this.#disposeOnce(), this.#disposeOnce()]));
  }

  /** Dispose, and while it goes on everything else. */
  async #disposeAndAll(): Promise<void> {
    const { random } = this.#around;
    await this.#disposing(async () => {
      const going = this.#disposeOnce();
      going.catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, pauseMs(random)));
      const others = await Promise.all([
        this.#code('init', (client) => client.initWorkspace(this.#request())),
        this.#code('snapshot', (client, id) => client.takeSnapshot({ id, returnImmediately: false })),
        this.#code('backup', (client, id) => client.backupWorkspace({ id })),
        this.#code('waitForInit', (client, id) => client.waitForInit({ id })),
      ]);
      await going;
      this.#expectAnswers(others);
    });
  }

  async #disposeDuringInit(): Promise<void> {
    const { random } = this.#around;
    const init = this.#code('init', (client) => client.initWorkspace(this.#request()));
    init.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, pauseMs(random)));
    await this.#disposing(() => this.#disposeOnce());
    await init;
  }

  /** Nobody wants this content any more. */
  async #discard(): Promise<void> {
    const workspace = this.#workspace;
    workspace.giveUp();
    workspace.phase = 'dispose asked';
    await this.#ask('discard', (client, id) =>
      client.disposeWorkspace({ id, backup: false, backupLogs: false }),
    );
    workspace.phase = 'none';
  }

  async #disposing(calls: () => Promise<unknown>): Promise<void> {
    const workspace = this.#workspace;
    workspace.phase = 'dispose asked';
    workspace.mayBeSaved();
    await calls();
    const found = await this.#found();
    if (found.length > 0)
      throw new Error(`Dispose of ${workspace.instance} was answered and its content is there`);
    const { exists } = await this.#ask('exists', (client, id) => client.isWorkspaceExists({ id }));
    if (exists) throw new Error(`Dispose of ${workspace.instance} was answered and it exists`);
    if (!workspace.isGivenUp) workspace.isSaved();
    workspace.phase = 'none';
  }

  async #disposeOnce(): Promise<void> {
    const workspace = this.#workspace;
    const code = await this.#code('dispose', (client, id) =>
      client.disposeWorkspace({ id, backup: true, backupLogs: false }),
    );
    if (code === status.OK) return;
    // The Init that came before it never arrived.
    if (workspace.content === undefined && code === status.NOT_FOUND) return;
    throw new Error(`Dispose of ${workspace.instance} was answered ${code}`);
  }

  /** By the rows of docs/answers.md from `available` on. */
  #expectAnswers(codes: readonly number[]): void {
    const allowed = [
      [status.ALREADY_EXISTS],
      [status.OK, status.FAILED_PRECONDITION],
      [status.OK, status.FAILED_PRECONDITION],
      [status.OK, status.FAILED_PRECONDITION],
    ];
    const wrong = codes.findIndex((code, index) => !allowed[index]?.includes(code));
    if (wrong >= 0) throw new Error(`call ${wrong} beside a Dispose was answered ${codes[wrong]}`);
  }

  #request() {
    const { id, instance, sourceUrl } = this.#workspace;
    const empty = { $case: 'empty' as const, value: {} };
    const snapshot = {
      $case: 'snapshot' as const,
      value: { snapshot: sourceUrl ?? '', fromVolumeSnapshot: false },
    };
    return {
      id: instance,
      metadata: { owner: OWNER, metaId: id },
      initializer: { spec: sourceUrl === undefined ? empty : snapshot },
      remoteStorageDisabled: false,
      storageQuotaBytes: 0n,
    };
  }

  async #found(): Promise<Lines> {
    return fingerprint(this.#around.folderOf(this.#workspace.instance)).catch(() => []);
  }

  #expectSame(what: string, expected: readonly Lines[], found: Lines): void {
    if (expected.some((one) => difference(one, found) === '')) return;
    throw new Error(
      `${what} of ${this.#workspace.instance} differs: ${difference(expected.at(-1) ?? [], found)}`,
    );
  }

  async #code(name: string, ask: (client: ContentClient, id: string) => Promise<unknown>): Promise<number> {
    try {
      await this.#ask(name, ask);
      return status.OK;
    } catch (error) {
      if (error instanceof StewardError) return error.entry.status;
      throw error;
    }
  }

  async #ask<Answer>(
    name: string,
    ask: (client: ContentClient, id: string) => Promise<Answer>,
  ): Promise<Answer> {
    const { client, life, log, isTroubled } = this.#around;
    const wasTroubled = isTroubled();
    const { instance } = this.#workspace;
    log(`${name} ${instance}?`);
    try {
      const answer = await ask(client, instance);
      log(`${name} ${instance}: OK`);
      return answer;
    } catch (error) {
      if (isCutOff(error)) await hasAborted(life);
      if (life.aborted) throw new Unanswered();
      log(`${name} ${instance}: ${error}`);
      if ((wasTroubled || isTroubled()) && isTroublesAnswer(error)) throw new Unanswered();
      throw error;
    }
  }
}

/** A connection is seen to end before the process at its other end is. */
function hasAborted(life: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, DEATH_MS);
    const onAbort = () => {
      clearTimeout(timer);
      resolve();
    };
    if (life.aborted) onAbort();
    else life.addEventListener('abort', onAbort, { once: true });
  });
}

/** The connection ended, as it does with the process at its other end. */
function isCutOff(error: unknown): boolean {
  if (!(error instanceof StewardError)) return false;
  return error.entry.status === status.UNAVAILABLE || error.entry.status === status.CANCELLED;
}

const TROUBLES_ANSWERS: ReadonlySet<number> = new Set([
  status.UNAVAILABLE,
  status.RESOURCE_EXHAUSTED,
  status.DATA_LOSS,
  status.DEADLINE_EXCEEDED,
  status.INTERNAL,
]);

function isTroublesAnswer(error: unknown): boolean {
  return error instanceof StewardError && TROUBLES_ANSWERS.has(error.entry.status);
}
