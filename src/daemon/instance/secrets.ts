import { z } from 'zod';
import type { InstanceId } from '../../../machines/ids.js';
import { StewardError } from '../../errors/steward-error.js';
import type { Files } from '../../gateways/files.js';
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
  readonly #files: Files;
  readonly #area: WorkingArea;

  constructor(files: Files, area: WorkingArea) {
    this.#files = files;
    this.#area = area;
  }

  async open(): Promise<void> {
    await this.#files.makeDirectory(this.#area.secrets, 0o700);
    await this.#files.chmod(this.#area.secrets, 0o700);
  }

  async keep(instance: InstanceId, secrets: Secrets): Promise<void> {
    const path = this.#area.secretsOf(instance);
    await this.#files.remove(path);
    await this.#files.write(path, JSON.stringify(secrets), { mode: 0o600, exclusive: true });
  }

  /** undefined when there are none (any more). */
  async read(instance: InstanceId): Promise<Secrets | undefined> {
    const path = this.#area.secretsOf(instance);
    if ((await this.#files.stat(path)) === undefined) return undefined;
    const parsed = schema.safeParse(
      JSON.parse((await this.#files.read(path, SECRETS_BYTES_MAX)).toString('utf8')),
    );
    if (parsed.success) return parsed.data;
    throw new StewardError('credentials-lost', 'the credentials of the set-up cannot be read any more');
  }

  async drop(instance: InstanceId): Promise<void> {
    await this.#files.remove(this.#area.secretsOf(instance));
  }

  /** Drops what belongs to no instance that is still being set up. */
  async sweep(keep: ReadonlySet<string>): Promise<void> {
    for (const entry of await this.#files.list(this.#area.secrets)) {
      const instance = entry.name.replace(/\.json$/, '');
      if (!keep.has(instance)) await this.#files.remove(`${this.#area.secrets}/${entry.name}`);
    }
  }
}
