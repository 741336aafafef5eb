import { type InstanceId, isInstanceId } from '../../machines/ids.js';
import type { InitWorkspaceRequest } from '../../src/gen/ws-daemon-api/daemon.js';
import type { Tree } from './disk-view.js';

export const OWNER = 'owner';

/** What callers know of one instance, kept by hand: what they asked for, and what they were answered. */
export class InstanceModel {
  readonly id: InstanceId;
  readonly workspace: string;
  readonly request: InitWorkspaceRequest;
  /** Contents while in use, oldest first; the last is what the content is now. */
  versions: Tree[] = [];
  /** Every content it ever had, and since when; undefined: a set-up began, and nobody knows what it brought. */
  readonly history: { readonly at: number; readonly tree: Tree | undefined }[] = [];
  /** Names of snapshots that were promised and must come before it goes. */
  promised: string[] = [];
  /** When the present try to set it up began. */
  since = 0;
  /** The newest generation of its workspace then: an id that was forgotten may be used again after backups of its own. */
  inherited = 0;
  /** Somebody was told that its content is complete. */
  isReady = false;
  /** Somebody was told that it is gone. */
  isGone = false;
  /** A Dispose was asked for; `isGivenUp`: one without a backup that decided, or may have. */
  isDisposed = false;
  isGivenUp = false;
  /** Its removal began, rightly; a power cut may leave it half done. */
  isBeingRemoved = false;
  /** Its record could not be read, a person was told, and its content is left alone. */
  isSetAside = false;

  constructor(id: string, workspace: string, request: InitWorkspaceRequest) {
    if (!isInstanceId(id)) throw new Error(`${id} is no instance id`);
    this.id = id;
    this.workspace = workspace;
    this.request = request;
  }

  hasBecome(tree: Tree, at: number): void {
    this.versions.push(tree);
    this.history.push({ at, tree });
  }

  /** Before a set-up that starts from nothing. */
  begin(at: number, newestGeneration: number): void {
    this.since = at;
    if (this.history.length > 0) this.history.push({ at, tree: undefined });
    this.inherited = newestGeneration;
    this.versions = [];
    this.promised = [];
    this.isReady = false;
    this.isGone = false;
    this.isDisposed = false;
    this.isGivenUp = false;
    this.isBeingRemoved = false;
  }
}

/** A backup or snapshot somebody was given the name of. */
export interface Acknowledged {
  readonly kind: 'backup' | 'snapshot';
  readonly url: string;
  readonly instance: InstanceModel;
  /** What the content was between request and answer. */
  readonly states: readonly Tree[];
}
