import { StewardError } from '../../../src/errors/steward-error.js';
import { RegisterRequest, UpdateRequest } from '../../../src/gen/ws-manager-bridge-api/cluster-service.js';
import type { BridgeLife } from './bridge-life.js';
import type { BridgeRun } from './run.js';

/** Codes that any change may be answered with while something is wrong. */
const TROUBLE: readonly string[] = ['unavailable', 'stale-generation', 'cancelled'];

/** What is called must be answered, with a code that is right, and what succeeded must be in the rows. */
export class Registrations {
  readonly #run: BridgeRun;
  /** Clusters somebody is changing; only one at a time does that to each. */
  readonly #busy = new Set<string>();
  #moves = 0;

  constructor(run: BridgeRun) {
    this.#run = run;
  }

  register(life: BridgeLife, name: string): void {
    const url = `unix:/${name}`;
    const request = RegisterRequest.fromPartial({ name, url, tls: { ca: '', crt: '', key: '' } });
    const registry = life.core.following.registry;
    this.#call(life, `register ${name}`, name, {
      work: (signal) => registry.register(request, signal),
      may: ['cluster-exists', 'cluster-unreachable'],
      expect: () => this.#run.watch.seen.clusters.has(name),
    });
  }

  deregister(life: BridgeLife, name: string, isForced: boolean): void {
    const registry = life.core.following.registry;
    this.#call(life, `deregister ${name}${isForced ? ' by force' : ''}`, name, {
      work: () => registry.deregister(name, isForced),
      may: isForced ? [] : ['cluster-in-use'],
      expect: () => !this.#run.watch.seen.clusters.has(name),
    });
  }

  change(life: BridgeLife, name: string, score: number): void {
    const request = UpdateRequest.fromPartial({ name, property: { $case: 'score', value: score } });
    const registry = life.core.following.registry;
    this.#call(life, `set the score of ${name} to ${score}`, name, {
      work: (signal) => registry.update(request, signal),
      may: ['unknown-cluster'],
      expect: () => this.#run.watch.seen.clusters.get(name)?.score === score,
    });
  }

  /** Another program says that it is reached elsewhere; it is the same manager. */
  async move(name: string): Promise<void> {
    this.#moves += 1;
    const url = `unix:/${name}/${this.#moves}`;
    await this.#run.beside(`${name} is moved to ${url}`, async (transaction) => {
      await transaction('d_b_workspace_cluster').where({ name }).update({ url });
    });
  }

  #call(
    life: BridgeLife,
    what: string,
    name: string,
    call: {
      readonly work: (signal: AbortSignal) => Promise<void>;
      readonly may: readonly string[];
      readonly expect: () => boolean;
    },
  ): void {
    const run = this.#run;
    if (this.#busy.has(name)) return;
    this.#busy.add(name);
    const { signal } = new AbortController();
    const told = call.work(signal).then(
      () => {
        run.log(`${what}: done`);
        run.require('bridge', call.expect(), `rule 12: "${what}" succeeded, and the rows do not say so`);
      },
      (error: unknown) => {
        const code = error instanceof StewardError ? error.code : `${error}`;
        run.log(`${what}: ${code}`);
        const isRight = [...call.may, ...TROUBLE].includes(code);
        run.require('bridge', isRight, `rule 12: "${what}" was answered with ${code}`);
      },
    );
    const free = () => this.#busy.delete(name);
    void told.then(free, free);
    life.whenDead(free);
    run.wait(what, told, life);
  }
}
