import type { ArchiveManifest } from '../../src/content/manifest.js';
import type { ErrorCode } from '../../src/errors/catalog.js';
import { StewardError } from '../../src/errors/steward-error.js';
import { answerIn, Rows, rowsOf } from './answers.js';
import { BrokenPromise } from './broken.js';
import { difference, type Tree } from './disk-view.js';
import { isOver } from './guards.js';
import { AREA, callContext, type Life } from './life.js';
import type { InstanceModel } from './model.js';
import type { Run } from './run.js';

/** The columns of docs/answers.md. */
const COLUMNS = {
  init: 'Init, same request',
  waitForInit: 'WaitForInit',
  exists: 'IsWorkspaceExists',
  backup: 'BackupWorkspace',
  snapshot: 'TakeSnapshot',
  dispose: 'Dispose with backup',
} as const;
const DISCARD = 'Dispose without backup';

type Call = 'init' | 'waitForInit' | 'exists' | 'backup' | 'snapshot' | 'dispose';

/** What each call may fail with although nothing went wrong outside, by docs/answers.md. */
const REFUSALS: Readonly<Record<Call, readonly ErrorCode[]>> = {
  init: [
    'already-exists',
    'workspace-busy',
    'wrong-state',
    'git-failed',
    'snapshot-not-found',
    'backup-not-found',
  ],
  waitForInit: ['unknown-instance', 'wrong-state', 'git-failed', 'snapshot-not-found', 'backup-not-found'],
  exists: [],
  backup: ['unknown-instance', 'wrong-state', 'overloaded'],
  snapshot: ['unknown-instance', 'wrong-state', 'overloaded'],
  dispose: ['unknown-instance', 'wrong-state'],
};

/** What may come on top when disks, processes and storage fail. */
const FAILURES: readonly ErrorCode[] = [
  'unavailable',
  'record-not-written',
  'storage-unavailable',
  'disk-full',
  'backup-failed',
  'deadline-exceeded',
  'parked',
  'content-initialization-failed',
  'process-failed',
  'missing-tool',
  'archive-damaged',
  'permission-denied',
  'overloaded',
  'record-unreadable',
  'manifest-unreadable',
  'storage-refused',
];

/** The callers: they call, remember what they were answered, and check it against what they know. */
export class Callers {
  readonly #run: Run;
  /** Something went wrong in this run, so failures are answers too. */
  isTroubled = false;
  isStopping = false;
  /** Nothing goes wrong in all of this run. */
  isCalm = false;

  constructor(run: Run) {
    this.#run = run;
  }

  init(model: InstanceModel): void {
    const life = this.#life();
    if (
      !life.core.instances.owns(model.id) &&
      life.core.instances.finished(model.id)?.wasAvailable !== true
    ) {
      model.begin(this.#run.now, this.#run.stored.backups(model.workspace).map(generationOf).at(-1) ?? 0);
    }
    this.#call(
      'init',
      model,
      (signal) => life.calls.initWorkspace(model.request, callContext(signal)),
      () => this.#ready(life, model),
    );
  }

  waitForInit(model: InstanceModel): void {
    const life = this.#life();
    this.#call(
      'waitForInit',
      model,
      (signal) => life.calls.waitForInit({ id: model.id }, callContext(signal)),
      () => this.#ready(life, model),
    );
  }

  exists(model: InstanceModel): void {
    const life = this.#life();
    const ask = (signal: AbortSignal) => life.calls.isWorkspaceExists({ id: model.id }, callContext(signal));
    this.#call('exists', model, ask, ({ exists }) => {
      this.#run.require('told', !(exists && model.isGone), `${model.id} exists after it was told to be gone`);
    });
  }

  backup(model: InstanceModel): void {
    const life = this.#life();
    this.adopt(model);
    const from = Math.max(model.versions.length - 1, 0);
    const ask = (signal: AbortSignal) => life.calls.backupWorkspace({ id: model.id }, callContext(signal));
    this.#call('backup', model, ask, ({ url }) => this.#acknowledge('backup', url, model, from));
  }

  /** `isPromise`: the answer comes before the snapshot is there. */
  snapshot(model: InstanceModel, isPromise: boolean): void {
    const life = this.#life();
    this.adopt(model);
    const from = Math.max(model.versions.length - 1, 0);
    const request = { id: model.id, returnImmediately: isPromise };
    const ask = (signal: AbortSignal) => life.calls.takeSnapshot(request, callContext(signal));
    this.#call('snapshot', model, ask, ({ url }) => {
      if (isPromise) model.promised.push(url);
      else this.#acknowledge('snapshot', url, model, from);
    });
  }

  dispose(model: InstanceModel, backup: boolean): void {
    const life = this.#life();
    const view = life.core.instances.find(model.id)?.view;
    const decides = view?.context.disposal === undefined || view.step === 'wrappingUp.stranded';
    const request = { id: model.id, backup, backupLogs: false };
    if (life.core.instances.owns(model.id)) {
      model.isDisposed = true;
      if (!backup && decides) model.isGivenUp = true;
    }
    this.#call(
      backup ? 'dispose' : 'discard',
      model,
      (signal) => life.calls.disposeWorkspace(request, callContext(signal)),
      () => {
        // An Init that was refused leaves nothing, and is about to be forgotten.
        if (life.core.instances.find(model.id)?.view.step === 'refused') return;
        const isThere = this.#run.disk.inode(AREA.contentOf(model.id)) !== undefined;
        this.#run.require(3, !isThere, `Dispose of ${model.id} was answered and its content is still there`);
        this.#run.require(3, !life.core.instances.owns(model.id), `${model.id} is owned after its Dispose`);
        model.isGone = true;
        if (backup) this.#expectPromised(model);
      },
    );
  }

  /** A promised snapshot is made before the content goes; when nothing goes wrong it can be. */
  #expectPromised(model: InstanceModel): void {
    if (!this.isCalm) return;
    const missing = model.promised.filter((url) => this.#run.stored.snapshot(url) === undefined);
    this.#run.require('told', missing.length === 0, `promised and never made: ${missing.join(', ')}`);
  }

  /** Content that came to be in use unseen, when the caller of Init was cut off: from now on it is known. */
  adopt(model: InstanceModel): void {
    if (model.versions.length > 0 || !this.isInUse(model)) return;
    const found = this.#run.disk.content(AREA.contentOf(model.id));
    if (found !== undefined) model.hasBecome(found, this.#run.now);
  }

  isInUse(model: InstanceModel): boolean {
    return this.#run.life?.core.instances.find(model.id)?.view.step.startsWith('available') ?? false;
  }

  #ready(life: Life, model: InstanceModel): void {
    const run = this.#run;
    if (!this.isInUse(model) || life.core.instances.find(model.id)?.view.context.disposal !== undefined)
      return;
    this.adopt(model);
    if (model.isReady) return;
    model.isReady = true;
    const [found] = model.versions;
    const expected = this.#expected(model);
    run.guard(async () => {
      const problem = found === undefined ? 'it is not there' : difference(found, await expected);
      if (problem !== undefined) throw new BrokenPromise(1, `${model.id} was set up, but: ${problem}`);
    });
  }

  /** What a fresh instance holds: the newest backup of its workspace, else what its initializer brings. */
  async #expected(model: InstanceModel): Promise<Tree> {
    const { stored } = this.#run;
    // One that a power cut could still take is the newest as long as none comes.
    const newest = stored
      .backups(model.workspace, 'now')
      .findLast((one) => one.instance !== model.id || generationOf(one) <= model.inherited);
    if (newest !== undefined) return stored.treeOf(newest);
    const spec = model.request.initializer?.spec;
    if (spec?.$case === 'snapshot') {
      const manifest = stored.snapshot(spec.value.snapshot);
      if (manifest !== undefined) return stored.treeOf(manifest);
    }
    // What a clone brings is for the tests of git; here it counts as it was found.
    return (spec?.$case === 'git' ? model.versions[0] : undefined) ?? new Map();
  }

  #acknowledge(kind: 'backup' | 'snapshot', url: string, model: InstanceModel, from: number): void {
    this.#expectOver(model);
    this.adopt(model);
    const acknowledged = { kind, url, instance: model, states: model.versions.slice(from) };
    // A final backup of content nobody was told of and nobody has worked on: nothing is known of it.
    if (acknowledged.states.length === 0) return;
    this.#run.acknowledged.push(acknowledged);
    this.#run.guard(() => this.#run.stored.check(acknowledged));
  }

  #expectOver(model: InstanceModel): void {
    const run = this.#run;
    if (run.trouble.hasBefallen) return;
    const jobs = run.life?.core.instances.find(model.id)?.view.context.jobs ?? [];
    run.guard(() => isOver(run.disk, model, new Set(jobs.map(({ ticket }) => ticket))));
  }

  #life(): Life {
    const { life } = this.#run;
    if (life === undefined) throw new Error('nobody is there to be called');
    return life;
  }

  #call<Answer>(
    name: Call | 'discard',
    model: InstanceModel,
    ask: (signal: AbortSignal) => Promise<Answer>,
    onAnswer: (answer: Answer) => void,
  ): void {
    const run = this.#run;
    const life = this.#life();
    const column = name === 'discard' ? DISCARD : COLUMNS[name];
    const caller = new AbortController();
    const leave = () => caller.abort(new StewardError('cancelled', 'the caller went away'));
    const rows = new Rows();
    const see = () => {
      if (this.isCalm) rows.see(rowsOf(life, model));
    };
    const pending = { name: `${name} ${model.id}`, since: run.now, leave, see };
    see();
    run.pending.add(pending);
    run.log(`${pending.name}?`);
    const settle = (outcome: string, check: () => void) => {
      if (!run.pending.delete(pending)) return;
      run.log(`${pending.name}: ${outcome}`);
      run.guard(check);
    };
    ask(caller.signal).then(
      (answer) =>
        settle('OK', () => {
          see();
          this.#checkAnswer(model, rows.problem(column, answerIn({ value: answer })));
          onAnswer(answer);
        }),
      (error: unknown) =>
        settle(String(error), () => {
          see();
          if (!isBesideTheTable(error)) this.#checkAnswer(model, rows.problem(column, answerIn({ error })));
          this.#checkRefusal(name === 'discard' ? 'dispose' : name, error);
        }),
    );
  }

  /** In a calm run the answer is the one in the cell, or in those cells that the instance went through. */
  #checkAnswer(model: InstanceModel, problem: string | undefined): void {
    if (!this.isCalm || this.isStopping || problem === undefined) return;
    throw new BrokenPromise(3, `${model.id}: ${problem}`);
  }

  #checkRefusal(name: Call, error: unknown): void {
    if (!(error instanceof StewardError)) throw error;
    const { code } = error;
    if (code === 'cancelled' || REFUSALS[name].includes(code)) return;
    if (this.isStopping && code === 'unavailable') return;
    if (this.isTroubled && FAILURES.includes(code)) return;
    if (code === 'credentials-lost' && this.#run.hasCutPower) return;
    throw new BrokenPromise(
      code === 'internal' ? 'defect' : 3,
      `${name} was answered ${code}: ${error.message}`,
    );
  }
}

/** Said for other reasons than the state of the instance. */
const BESIDE_THE_TABLE: ReadonlySet<ErrorCode> = new Set([
  'cancelled',
  'overloaded',
  'workspace-busy',
  'git-failed',
  'snapshot-not-found',
  'backup-not-found',
]);

function isBesideTheTable(error: unknown): boolean {
  return error instanceof StewardError && BESIDE_THE_TABLE.has(error.code);
}

function generationOf(manifest: ArchiveManifest): number {
  return manifest.kind === 'backup' ? manifest.generation : 0;
}
