import type { StepMetric } from '../../../machines/content-types.js';
import type { Http } from '../../gateways/http.js';
import type { ArchivePlace, WorkOptions } from '../archive-objects.js';
import type { BackupRepository } from '../backups.js';

/** Where an initializer works, and with what. */
export interface InitializeContext extends ArchivePlace, WorkOptions {
  readonly http: Http;
  /** Root of the content: exists, is empty, belongs to the content's user. */
  readonly folder: string;
  /** The backups of this workspace; undefined when it has no remote storage. */
  readonly backups: BackupRepository | undefined;
  readonly git: GitPolicy;
}

/** What the operator allows of Git servers beyond https, ssh and git. */
export interface GitPolicy {
  readonly allowHttp: boolean;
}

/** What an initializer did; failures are thrown. */
export interface Initialized {
  readonly source: 'from-backup' | 'from-other';
  readonly metrics: readonly StepMetric[];
  /** What a person should know although it did not fail, without secrets. */
  readonly warnings: readonly string[];
}

/** An initializer whose input was found good. */
export interface InitializerPlan {
  readonly kind: 'empty' | 'git' | 'snapshot' | 'backup';
  /** What it will fetch, in words, without secrets. */
  readonly description: string;
  /** Folder of the main working copy below the content's root; absent without one. */
  readonly checkoutLocation?: string;
  run(context: InitializeContext): Promise<Initialized>;
}
