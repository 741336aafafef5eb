import type { Child } from './child.js';
import { type Exit, type Leak, toError } from './exit.js';
import type { ServiceKey } from './registry.js';
import type { RunOwner } from './run-owner.js';
import type { ChildContext, KillHook } from './spec.js';

/** What one run shows its child. Its abort controller exists only once somebody asks for the signal. */
export class RunContext implements ChildContext {
  readonly generation: number;
  readonly previous: Exit | undefined;
  readonly #owner: RunOwner;
  readonly #child: Child;
  #current = true;
  #aborted = false;
  #controller: AbortController | undefined;
  #hooks: KillHook[] | undefined;
  #withdrawals: (() => void)[] | undefined;

  constructor(owner: RunOwner, child: Child, generation: number) {
    this.#owner = owner;
    this.#child = child;
    this.generation = generation;
    this.previous = child.previous;
  }

  get name(): string {
    return this.#child.spec.name;
  }

  get path(): string {
    return `${this.#owner.path}/${this.name}`;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#aborted) this.#controller.abort();
    return this.#controller.signal;
  }

  isCurrent(): boolean {
    return this.#current;
  }

  onKill(hook: KillHook): void {
    if (this.#current) {
      this.#hooks ??= [];
      this.#hooks.push(hook);
    } else {
      void this.#runLate(hook);
    }
  }

  register<Value>(key: ServiceKey<Value>, value: Value): void {
    if (!this.#current) return;
    const { registry } = this.#owner.shared;
    registry.register(key, value, this.generation);
    this.#withdrawals ??= [];
    this.#withdrawals.push(() => registry.unregister(key, this.generation));
  }

  /** Whether `thrown` is only the signal's own answer to being aborted. */
  isAbortReason(thrown: unknown): boolean {
    return (
      this.#aborted &&
      (thrown === this.signal.reason || (thrown instanceof Error && thrown.name === 'AbortError'))
    );
  }

  abort(): void {
    this.#aborted = true;
    this.#controller?.abort();
  }

  /** From here on late results are refused and everything that watches the signal ends. */
  revoke(): void {
    this.#current = false;
    for (const withdraw of this.#withdrawals ?? []) withdraw();
    this.#withdrawals = undefined;
    this.abort();
  }

  /** The hooks a kill must run, latest first; each is given out once. */
  takeKillHooks(): readonly KillHook[] {
    const hooks = this.#hooks?.reverse() ?? [];
    this.#hooks = undefined;
    return hooks;
  }

  /** A start that was killed goes on and brings up something more: that must go too. */
  async #runLate(hook: KillHook): Promise<void> {
    const leaks = await this.#leaksOf(hook);
    if (leaks.length === 0) return;
    this.#owner.shared.tell({ type: 'leak', path: this.path, generation: this.generation, leaks });
  }

  async #leaksOf(hook: KillHook): Promise<readonly Leak[]> {
    try {
      return await hook();
    } catch (thrown) {
      return [{ kind: 'kill-hook', detail: toError(thrown).message }];
    }
  }
}
