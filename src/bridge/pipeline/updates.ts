import type { RowPhase } from '../../../machines/phase-relation.js';
import type { WorkspaceStatus } from '../../gen/ws-manager-api/core.js';

export type InstanceType = 'regular' | 'prebuild' | 'imagebuild';

/** A status as a manager sent it, with what merging needs to know of it. */
export interface StatusUpdate {
  readonly cluster: string;
  readonly instance: string;
  readonly workspace: string;
  readonly owner: string;
  readonly type: InstanceType;
  /** Unsigned 64 bit; 0 when the manager gives none. */
  readonly version: bigint;
  /** undefined when the manager does not know: the row keeps its phase. */
  readonly phase: RowPhase | undefined;
  readonly deployed: boolean;
  /** Milliseconds since the epoch; undefined without any activity. */
  readonly firstActivityAt: number | undefined;
  /** Our clock when it was accepted: all times in a row are times of this clock. */
  readonly receivedAt: number;
  readonly status: WorkspaceStatus;
}

/** An order to stop a row whose manager does not know it any more. */
export interface StopRequest {
  readonly instance: string;
  /** The version the row had when this was decided; any other one means that its manager has spoken since. */
  readonly expectedVersion: bigint;
  /** What else the row had then: its server changes these without a version, until a manager has it. */
  readonly expectedPhase: RowPhase;
  readonly expectedRegion: string;
  readonly message: string;
  readonly requestedAt: number;
}
