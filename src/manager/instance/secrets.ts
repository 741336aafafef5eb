import { join } from 'node:path';
import type { InstanceId } from '../../../machines/ids.js';
import type { Files } from '../../gateways/files.js';
import { makePrivateDirectory } from '../../gateways/private-directory.js';
import type { World } from '../../gateways/world.js';
import { StartWorkspaceRequest } from '../../gen/ws-manager-api/core.js';
import { REQUEST_BYTES_MAX } from '../bounds.js';

const SUFFIX = '.request';

/**
 * Start requests with their secrets: files of mode 0600 on a memory file system, from before the request is
 * recorded until its command runs or its end has begun. A restart of ours goes on with them, a reboot leaves
 * nothing behind.
 */
export class SecretRequests {
  readonly #world: Pick<World, 'files' | 'random'>;
  readonly #folder: string;

  constructor(world: Pick<World, 'files' | 'random'>, folder: string) {
    this.#world = world;
    this.#folder = folder;
  }

  /** Fails with `permission-denied` when others could read or replace what lies there. */
  async open(): Promise<void> {
    await makePrivateDirectory(this.#world, this.#folder);
  }

  async keep(instance: InstanceId, request: StartWorkspaceRequest): Promise<void> {
    const path = this.#path(instance);
    await this.#files.remove(path);
    const bytes = StartWorkspaceRequest.encode(request).finish();
    await this.#files.write(path, bytes, { mode: 0o600, exclusive: true });
  }

  /** undefined when there is none (any more), or what is there is damaged. */
  async read(instance: InstanceId): Promise<StartWorkspaceRequest | undefined> {
    const path = this.#path(instance);
    if ((await this.#files.stat(path)) === undefined) return undefined;
    const bytes = await this.#files.read(path, REQUEST_BYTES_MAX);
    try {
      return StartWorkspaceRequest.decode(bytes);
    } catch {
      return undefined;
    }
  }

  drop(instance: InstanceId): Promise<void> {
    return this.#files.remove(this.#path(instance));
  }

  /** Drops what belongs to no instance that still needs it. */
  async sweep(needed: ReadonlySet<string>): Promise<void> {
    for (const { name } of await this.#files.list(this.#folder)) {
      const owner = name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : name;
      if (!needed.has(owner)) await this.#files.remove(join(this.#folder, name));
    }
  }

  #path(instance: InstanceId): string {
    return join(this.#folder, `${instance}${SUFFIX}`);
  }

  get #files(): Files {
    return this.#world.files;
  }
}
