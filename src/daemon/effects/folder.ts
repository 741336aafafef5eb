import type { StepInput } from '../../../machines/content-setup.js';
import type { ContentContext, Survey } from '../../../machines/content-types.js';
import type { LayerCache } from '../../content/layers/layer-cache.js';
import type { Files } from '../../gateways/files.js';
import type { FolderWitness } from '../../records/folder-witness.js';
import type { WorkingArea } from '../area.js';
import type { SecretStore } from '../instance/secrets.js';
import type { Removals } from '../removals/removals.js';
import { isAnnounced } from './announced.js';
import type { LookAhead } from './look-ahead.js';

/** Who content belongs to on this node. */
export interface ContentOwner {
  readonly uid: number;
  readonly gid: number;
}

/** Permissions of a content folder, as the known system gives them. */
const FOLDER_MODE = 0o755;

export interface FolderEffectsOptions {
  readonly files: Files;
  readonly area: WorkingArea;
  readonly secrets: SecretStore;
  readonly owner: ContentOwner;
  /** Of the folder that holds the contents: what is not there may be on a disk that is not mounted. */
  readonly workspaces: FolderWitness;
  /** undefined: no content stands on a layer. */
  readonly layers: LayerCache | undefined;
  readonly removals: Removals;
  readonly ahead: LookAhead;
}

/** The effects that touch the content folder as a whole. */
export class FolderEffects {
  readonly #files: Files;
  readonly #area: WorkingArea;
  readonly #secrets: SecretStore;
  readonly #owner: ContentOwner;
  readonly #workspaces: FolderWitness;
  readonly #layers: LayerCache | undefined;
  readonly #removals: Removals;
  readonly #ahead: LookAhead;

  constructor({ files, area, secrets, owner, workspaces, layers, removals, ahead }: FolderEffectsOptions) {
    this.#files = files;
    this.#area = area;
    this.#secrets = secrets;
    this.#owner = owner;
    this.#workspaces = workspaces;
    this.#layers = layers;
    this.#removals = removals;
    this.#ahead = ahead;
  }

  /** An empty folder with the right owner; what an interrupted set-up left is thrown away. */
  async reserve({ context }: StepInput, signal: AbortSignal): Promise<object> {
    const { instance } = context.identity;
    const folder = this.#area.contentOf(instance);
    await this.#workspaces.check();
    await this.#layers?.release(instance, folder, signal);
    // One that hung until it was given up must not touch what has come into this place since.
    signal.throwIfAborted();
    await this.#files.remove(folder);
    await this.#files.makeDirectory(folder, FOLDER_MODE);
    await this.#files.chmod(folder, FOLDER_MODE);
    await this.#files.chown(folder, this.#owner.uid, this.#owner.gid);
    await this.#files.syncDirectory(this.#area.workspaces);
    return {};
  }

  async survey({ context }: StepInput, signal: AbortSignal): Promise<Omit<Survey, 'at' | 'jitter'>> {
    const { instance } = context.identity;
    const content = this.#area.contentOf(instance);
    if (context.recorded === 'setting-up') {
      const secrets = await this.#files.stat(this.#area.secretsOf(instance));
      return {
        content: 'absent',
        credentials: secrets === undefined ? 'lost' : 'available',
        isAnnounced: false,
      };
    }
    const wasSeen = this.#ahead.take(instance);
    const attached = await this.#attach(context, signal);
    const isLost = attached === 'lost';
    const isSeen = wasSeen && attached !== 'attached';
    // Thousands come back at once, most of them in use: what is in a folder shows that the folder is there.
    const isInUse = !isLost && (isSeen || (await isAnnounced(this.#files, content)));
    if (isInUse || (!isLost && (await this.#isThere(content)))) {
      return { content: 'present', credentials: 'available', isAnnounced: isInUse };
    }
    await this.#workspaces.check();
    return { content: 'absent', credentials: 'available', isAnnounced: false };
  }

  /**
   * The content, what backups of it went by, and the credentials; all may be gone already. The content is out of its
   * place then; that its files go is not waited for.
   */
  async remove({ context }: StepInput, signal: AbortSignal): Promise<object> {
    const { instance } = context.identity;
    const content = this.#area.contentOf(instance);
    await this.#workspaces.check();
    await this.#layers?.release(instance, content, signal);
    signal.throwIfAborted();
    await this.#removals.take(content, instance);
    await this.#files.remove(this.#area.chainOf(instance));
    await this.#secrets.drop(instance);
    await this.#files.syncDirectory(this.#area.workspaces);
    return {};
  }

  /** A reboot has taken the mount of content above a layer. Content that is to go needs none. */
  async #attach({ identity, recorded, verified }: ContentContext, signal: AbortSignal) {
    if (recorded === 'removing' || verified) return 'own';
    return this.#layers?.reattach(identity.instance, this.#area.contentOf(identity.instance), signal);
  }

  async #isThere(folder: string): Promise<boolean> {
    return (await this.#files.stat(folder))?.kind === 'directory';
  }
}
