import { DYNAMIC_CHILDREN_MAX } from './bounds.js';
import { checkChild } from './check.js';
import { Child, forgetPending } from './child.js';
import { SupervisorCore } from './core.js';
import { type Exit, worst } from './exit.js';
import { childInfo, countChildren, supervisorNode } from './inspect.js';
import type { Registry } from './registry.js';
import { afterExit, afterFailedStart, startTogether } from './restarts.js';
import type { Run } from './run.js';
import type { Nested, StartOutcome } from './run-owner.js';
import type { SharedContext } from './shared-context.js';
import type { ChildSpec, SupervisorChildSpec, SupervisorSpec } from './spec.js';
import type {
  DeleteChildResult,
  RefusalReason,
  Refused,
  StartChildResult,
  StopChildResult,
  Supervisor,
} from './supervisor.js';
import type { ChildInfo, Counts, SupervisorNode } from './tree.js';
import { startsBeforeGivingUp, warnAboutSpec } from './warnings.js';

/** The supervisor as its callers see it; its life is in `SupervisorCore`, its restarts in `restarts.ts`. */
export class LiveSupervisor extends SupervisorCore implements Nested {
  readonly #starts: number;

  /** `startsAbove` is the budget product of the supervisors that would bring this one back. */
  constructor(shared: SharedContext, path: string, spec: SupervisorSpec, startsAbove: number) {
    super(shared, path, spec);
    for (const child of spec.strategy === 'dynamic' ? [] : spec.children) {
      this.children.set(child.name, new Child(child));
    }
    const escalates = (spec.onExhausted ?? 'escalate') === 'escalate';
    this.#starts = startsBeforeGivingUp(this.intensity.restarts, startsAbove, escalates);
    warnAboutSpec(this, startsAbove, this.#starts);
  }

  get registry(): Registry {
    return this.shared.registry;
  }

  exited(child: Child, run: Run, exit: Exit): void {
    this.inBackground(child, () => afterExit(this, child, run, exit));
  }

  protected nest(child: Child, spec: SupervisorChildSpec): Nested {
    const startsAbove = child.spec.restart === 'permanent' ? this.#starts : 1;
    return new LiveSupervisor(this.shared, `${this.path}/${spec.name}`, spec.supervisor, startsAbove);
  }

  retry(): Promise<boolean> {
    return this.inOrder(undefined, async () => {
      if (!this.is('parked')) return false;
      this.unpark();
      const children = [...this.children.values()];
      for (const child of children) child.backoffStep = 0;
      await startTogether(this, children);
      return true;
    });
  }

  startChild(spec: ChildSpec): Promise<StartChildResult> {
    checkChild(this.path, spec, this.spec.autoShutdown);
    if (!this.dynamic) return this.inOrder(undefined, () => this.#addAndStart(spec, undefined));
    // A dynamic child is entered at once, so that its name is taken while it starts beside the others.
    const refusal = this.#refusalOf(spec);
    if (refusal !== undefined) return Promise.resolve(refused(refusal));
    const child = new Child(spec);
    this.children.set(spec.name, child);
    return this.inOrder(child, () => this.#addAndStart(spec, child));
  }

  async terminateChild(name: string): Promise<StopChildResult> {
    const child = this.children.get(name);
    if (child === undefined) return refused('not-found');
    if (this.#ending()) return refused('stopping');
    forgetPending(child);
    // A start under way is ended at once; waiting for it in the queue could take its whole deadline.
    const early = child.run?.state === 'starting' ? child.run.stop(child.shutdown) : undefined;
    return this.inOrder(child, async () => {
      if (early === undefined && this.children.get(name) !== child) return refused('not-found');
      const givenUp = await early;
      // The stop of all has come meanwhile; it stops this child when its turn in the order comes.
      if (this.#ending())
        return givenUp === undefined ? refused('stopping') : { result: 'stopped', stopped: givenUp };
      // Also after a start was given up: a group restart may have taken the child in since.
      const stopped = worst([...(givenUp === undefined ? [] : [givenUp]), await this.stopRun(child)]);
      if (this.dynamic || child.spec.restart === 'temporary') this.forget(child);
      return { result: 'stopped', stopped };
    });
  }

  async restartChild(name: string): Promise<StartChildResult> {
    const child = this.children.get(name);
    if (child === undefined) return refused('not-found');
    return this.inOrder(child, async () => {
      const refusal = this.#refusalOfRestart(name, child);
      if (refusal !== undefined) return refused(refusal);
      const outcome = await this.startRun(child);
      if (outcome.result === 'ignored' && child.spec.restart === 'temporary') this.forget(child);
      return answer(child, outcome);
    });
  }

  deleteChild(name: string): DeleteChildResult {
    const child = this.children.get(name);
    if (child === undefined) return refused('not-found');
    if (this.dynamic && !child.parked) return refused('dynamic');
    if (child.run !== undefined) return refused('running');
    if (child.pending !== undefined) return refused('restarting');
    this.forget(child);
    return { result: 'deleted' };
  }

  async retryChild(name: string): Promise<StartChildResult> {
    const child = this.children.get(name);
    if (child === undefined) return refused('not-found');
    return this.inOrder(child, async () => {
      if (!child.parked) return refused('not-parked');
      if (!this.is('running')) return refused('stopping');
      child.parked = false;
      child.window = undefined;
      child.backoffStep = 0;
      this.shared.tell({ type: 'unpark', path: `${this.path}/${name}` });
      const outcome = await this.startRun(child);
      if (outcome.result === 'ignored') this.forget(child);
      if (outcome.result === 'failed') await afterFailedStart(this, child, outcome);
      return answer(child, outcome);
    });
  }

  find(path: string): Supervisor | undefined {
    if (path === '') return this;
    const [name = '', ...rest] = path.split('/');
    return this.children.get(name)?.run?.nested?.find(rest.join('/'));
  }

  childSpec(name: string): ChildSpec | undefined {
    return this.children.get(name)?.spec;
  }

  whichChildren(): readonly ChildInfo[] {
    return [...this.children.values()].map((child) => childInfo(this, child));
  }

  countChildren(): Counts {
    return countChildren(this);
  }

  tree(): SupervisorNode {
    return supervisorNode(this);
  }

  async #addAndStart(spec: ChildSpec, entered: Child | undefined): Promise<StartChildResult> {
    const refusal = entered === undefined ? this.#refusalOf(spec) : undefined;
    if (refusal !== undefined) return refused(refusal);
    const child = entered ?? new Child(spec);
    this.children.set(spec.name, child);
    const outcome = await this.startRun(child);
    const temporary = this.dynamic || spec.restart === 'temporary';
    if (outcome.result === 'failed' || (temporary && outcome.result !== 'started')) this.forget(child);
    return answer(child, outcome);
  }

  #refusalOf(spec: ChildSpec): RefusalReason | undefined {
    if (this.is('parked')) return 'parked';
    if (this.#ending()) return 'stopping';
    if (this.children.has(spec.name)) return 'already-present';
    if (this.spec.strategy !== 'dynamic') return undefined;
    if (spec.kind !== this.spec.childKind) return 'wrong-kind';
    const most = this.spec.maxChildren ?? DYNAMIC_CHILDREN_MAX;
    return this.children.size >= most ? 'too-many-children' : undefined;
  }

  #refusalOfRestart(name: string, child: Child): RefusalReason | undefined {
    if (this.is('parked')) return 'parked';
    if (this.#ending()) return 'stopping';
    if (this.children.get(name) !== child) return 'not-found';
    if (child.run !== undefined) return 'running';
    if (child.pending !== undefined) return 'restarting';
    return child.parked ? 'parked' : undefined;
  }

  #ending(): boolean {
    return this.is('stopping') || this.is('stopped');
  }
}

function refused(reason: RefusalReason): Refused {
  return { result: 'refused', reason };
}

function answer(child: Child, outcome: StartOutcome): StartChildResult {
  return outcome.result === 'started' ? { result: 'started', generation: child.generation } : outcome;
}
