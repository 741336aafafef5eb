import type { StepInput } from '../../../machines/content-setup.js';
import type { Survey } from '../../../machines/content-types.js';
import type { Files } from '../../gateways/files.js';
import type { FolderWitness } from '../../records/folder-witness.js';
import type { WorkingArea } from '../area.js';
import type { SecretStore } from '../instance/secrets.js';
import { isAnnounced } from './announced.js';

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
}

/** The effects that touch the content folder as a whole. */
export class FolderEffects {
  readonly #files: Files;
  readonly #area: WorkingArea;
  readonly #secrets: SecretStore;
  readonly #owner: ContentOwner;
  readonly #workspaces: FolderWitness;

  constructor({ files, area, secrets, owner, workspaces }: FolderEffectsOptions) {
    this.#files = files;
    this.#area = area;
    this.#secrets = secrets;
    this.#owner = owner;
    this.#workspaces = workspaces;
  }

  /** An empty folder with the right owner; what an interrupted set-up left is thrown away. */
  async reserve({ context }: StepInput): Promise<object> {
    const folder = this.#area.contentOf(context.identity.instance);
    await this.#workspaces.check();
    await this.#files.remove(folder);
    await this.#files.makeDirectory(folder, FOLDER_MODE);
    await this.#files.chmod(folder, FOLDER_MODE);
    await this.#files.chown(folder, this.#owner.uid, this.#owner.gid);
    await this.#files.syncDirectory(this.#area.workspaces);
    return {};
  }

  async survey({ context }: StepInput): Promise<Omit<Survey, 'at' | 'jitter'>> {
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
    if ((await this.#files.stat(content))?.kind !== 'directory') {
      await this.#workspaces.check();
      return { content: 'absent', credentials: 'available', isAnnounced: false };
    }
    return {
      content: 'present',
      credentials: 'available',
      isAnnounced: await isAnnounced(this.#files, content),
    };
  }

  /** The content folder and the credentials; both may be gone already. */
  async remove({ context }: StepInput): Promise<object> {
    const { instance } = context.identity;
    await this.#workspaces.check();
    await this.#files.remove(this.#area.contentOf(instance));
    await this.#secrets.drop(instance);
    await this.#files.syncDirectory(this.#area.workspaces);
    return {};
  }
}
