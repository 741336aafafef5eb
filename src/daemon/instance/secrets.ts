import { z } from 'zod';
import type { InstanceId } from '../../../machines/ids.js';
import { parseJson } from '../../config/parse-json.js';
import { toStewardError } from '../../errors/steward-error.js';
import type { Files } from '../../gateways/files.js';
import { makePrivateDirectory } from '../../gateways/private-directory.js';
import type { World } from '../../gateways/world.js';
import type { WorkingArea } from '../area.js';
import { SECRETS_BYTES_MAX } from '../bounds.js';

/** Secrets by their place in the initializer (`initializer.git.auth_password`). */
export type Secrets = Readonly<Record<string, string>>;

const schema = z.record(z.string(), z.string());

/**
 * Credentials of a set-up: in files of mode 0600 on a memory file system, from before the set-up is recorded
 * until it has ended, so that a restart of the daemon can go on and a reboot leaves nothing behind.
 */
export class SecretStore {
  readonly #world: Pick<World, 'files' | 'random'>;
  readonly #area: WorkingArea;
  /** The latest work on the file of an instance; never rejects. */
  readonly #latest = new Map<InstanceId, Promise<void>>();

  constructor(world: Pick<World, 'files' | 'random'>, area: WorkingArea) {
    this.#world = world;
    this.#area = area;
  }

  /** Fails with `permission-denied` when others could read or replace what lies there. */
  async open(): Promise<void> {
    await makePrivateDirectory(this.#world, this.#area.secrets);
  }

  /** A full memory file system is told as such. Without secrets there is nothing to keep. */
  async keep(instance: InstanceId, secrets: Secrets): Promise<void> {
    const path = this.#area.secretsOf(instance);
    try {
      await this.#inOrder(instance, async () => {
        await this.#files.remove(path);
        if (Object.keys(secrets).length === 0) return;
        await this.#files.write(path, JSON.stringify(secrets), { mode: 0o600, exclusive: true });
      });
    } catch (error) {
      throw toStewardError(error, 'unavailable');
    }
  }

  /** undefined when there are none (any more), or what is there is damaged. Nothing of it shows in errors. */
  async read(instance: InstanceId): Promise<Secrets | undefined> {
    const path = this.#area.secretsOf(instance);
    if ((await this.#files.stat(path)) === undefined) return undefined;
    const bytes = await this.#files.read(path, SECRETS_BYTES_MAX);
    return schema.safeParse(parseJson(bytes.toString('utf8'))).data;
  }

  async drop(instance: InstanceId): Promise<void> {
    await this.#inOrder(instance, () => this.#files.remove(this.#area.secretsOf(instance)));
  }

  /** Drops what belongs to no instance that is still being set up. */
  async sweep(keep: ReadonlySet<string>): Promise<void> {
    for (const entry of await this.#files.list(this.#area.secrets)) {
      const instance = entry.name.replace(/\.json$/, '');
      if (!keep.has(instance)) await this.#files.remove(`${this.#area.secrets}/${entry.name}`);
    }
  }

  /** What a try that was given up still does to the file, it does before the next one begins. */
  #inOrder(instance: InstanceId, work: () => Promise<void>): Promise<void> {
    const done = (this.#latest.get(instance) ?? Promise.resolve()).then(work);
    const ended = done
      .catch(() => undefined)
      .finally(() => {
        if (this.#latest.get(instance) === ended) this.#latest.delete(instance);
      });
    this.#latest.set(instance, ended);
    return done;
  }

  get #files(): Files {
    return this.#world.files;
  }
}
