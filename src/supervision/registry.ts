/**
 * A typed name that a running child offers something under, for example
 * `const storage = new ServiceKey<ObjectStorage>('storage')`.
 */
export class ServiceKey<Value> {
  readonly name: string;
  /** Per registry, so that two trees in one process do not see each other. */
  readonly #offers = new WeakMap<Registry, { readonly value: Value; readonly generation: number }>();

  constructor(name: string) {
    this.name = name;
  }

  /** For the registry only. */
  offer(registry: Registry, value: Value, generation: number): void {
    this.#offers.set(registry, { value, generation });
  }

  /** For the registry only. A newer run's offer stays when an older run withdraws late. */
  withdraw(registry: Registry, generation: number): void {
    if (this.#offers.get(registry)?.generation === generation) this.#offers.delete(registry);
  }

  /** For the registry only. */
  offered(registry: Registry): Value | undefined {
    return this.#offers.get(registry)?.value;
  }
}

/** What the running children of one tree offer by name. An offer ends with the run that made it. */
export class Registry {
  register<Value>(key: ServiceKey<Value>, value: Value, generation: number): void {
    key.offer(this, value, generation);
  }

  unregister(key: Pick<ServiceKey<unknown>, 'withdraw'>, generation: number): void {
    key.withdraw(this, generation);
  }

  /** What is offered under `key` now, if its child runs. */
  lookup<Value>(key: ServiceKey<Value>): Value | undefined {
    return key.offered(this);
  }
}
