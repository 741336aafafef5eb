import { join } from 'node:path';
import type { InstanceId } from '../../machines/ids.js';

/** Marks the folder of the workspaces. No instance id begins with a dot. */
export const WORKSPACES_MARKER = '.steward-workspaces';

/** Where a daemon keeps things, below its state folder. Instance ids are safe path segments by their type. */
export class WorkingArea {
  readonly root: string;
  readonly records: string;
  readonly finished: string;
  readonly setAside: string;
  readonly history: string;
  readonly workspaces: string;
  readonly objects: string;
  /** What the next increment of each instance's backup goes by. */
  readonly chains: string;
  /** Unpacked snapshots that instances start from. */
  readonly layers: string;
  /** What instances changed above such a snapshot, one folder each; on the disk of the content. No instance id begins with a dot. */
  readonly overlays: string;
  /** What nobody owned when it was found; removed later. On the disk of the workspaces. */
  readonly quarantine: string;
  /** Content that is no instance's any more, until there is time to remove it. On the disk of the workspaces. */
  readonly removals: string;
  /** Restores under way for a look or for a proof; emptied at start. */
  readonly scratch: string;
  /** Versions that somebody looks at, unless the configuration names another folder; theirs to remove. */
  readonly restored: string;
  /** Remembers which folder of workspaces was used: it may be a disk of its own. */
  readonly workspacesWitness: string;
  /** Remembers which storage folder was used. */
  readonly storageWitness: string;
  /** On a memory file system where there is one. */
  readonly secrets: string;

  constructor(root: string, secrets: string) {
    this.root = root;
    this.records = join(root, 'records');
    this.finished = join(root, 'finished');
    this.setAside = join(root, 'set-aside');
    this.history = join(root, 'history');
    this.workspaces = join(root, 'workspaces');
    this.objects = join(root, 'objects');
    this.chains = join(root, 'chains');
    this.layers = join(root, 'layers');
    this.overlays = join(this.workspaces, '.overlays');
    this.quarantine = join(this.workspaces, '.quarantine');
    this.removals = join(this.workspaces, '.removals');
    this.scratch = join(root, 'scratch');
    this.restored = join(root, 'restored');
    this.workspacesWitness = join(root, 'workspaces-identity');
    this.storageWitness = join(root, 'storage-identity');
    this.secrets = secrets;
  }

  /** The content of one instance: what is backed up and restored. */
  contentOf(instance: InstanceId): string {
    return join(this.workspaces, instance);
  }

  chainOf(instance: InstanceId): string {
    return join(this.chains, instance);
  }

  secretsOf(instance: InstanceId): string {
    return join(this.secrets, `${instance}.json`);
  }
}
