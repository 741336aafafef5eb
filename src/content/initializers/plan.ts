import type { ContentSource, StepMetric } from '../../../machines/content-types.js';
import type { Http } from '../../gateways/http.js';
import type { ArchivePlace, WorkOptions } from '../archive-objects.js';
import type { BackupRepository } from '../backups.js';
import type { FullTar } from '../full-tar.js';

/** Where an initializer works, and with what. */
export interface InitializeContext extends ArchivePlace, WorkOptions {
  readonly http: Http;
  /** Root of the content: exists, belongs to the content's user, and is empty unless `isShared`. */
  readonly folder: string;
  /** The backups of this workspace; undefined when it has no remote storage. */
  readonly backups: BackupRepository | undefined;
  /** The one archive of this workspace that other tools write; undefined when it has no remote storage. */
  readonly fullTar?: FullTar;
  readonly git: GitPolicy;
  /** Bytes the content may take; 0 or absent for no limit. */
  readonly quotaBytes?: number;
  /** Earlier initializers of the same set-up may have put things into the folder: what is there stays. */
  readonly isShared?: boolean;
  /** Unpacked snapshots that are kept on the node; absent where there are none. */
  readonly layers?: ContentLayers;
}

/** What the operator allows of Git servers beyond https, ssh and git, and what git needs to reach them. */
export interface GitPolicy {
  readonly allowHttp: boolean;
  /** `http_proxy`, `https_proxy`, `no_proxy`, `GIT_SSL_CAINFO`, `GIT_SSL_CAPATH` as git gets them. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Snapshots that are unpacked once per node and given to many instances. */
export interface ContentLayers {
  /**
   * Gives the empty `folder` the content of a snapshot: from what the node has under `key`, or else from
   * `unpack`, which fills an empty folder. Fails as `unpack` does.
   */
  populate(
    key: string,
    folder: string,
    unpack: (into: string, signal: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void>;
}

/** What an initializer did; failures are thrown. */
export interface Initialized {
  readonly source: ContentSource;
  readonly metrics: readonly StepMetric[];
  /** The backup that was restored. */
  readonly restoredGeneration?: number;
  /** What a person should know although it did not fail, without secrets. */
  readonly warnings: readonly string[];
}

/** An initializer whose input was found good. */
export interface InitializerPlan {
  readonly kind: 'empty' | 'git' | 'snapshot' | 'prebuild' | 'composite' | 'download' | 'backup';
  /** What it will fetch, in words, without secrets. */
  readonly description: string;
  /** Folders of the working copies below the content's root, the main one first; `''` is the root itself. */
  readonly checkoutLocations: readonly string[];
  run(context: InitializeContext): Promise<Initialized>;
}
