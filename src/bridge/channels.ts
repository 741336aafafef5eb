/**
 * The channels of the compatible system and what is published on them. Payloads carry no state: whoever listens
 * reads the row, which is committed before anything is published.
 */
export const INSTANCE_CHANNEL = 'chan:workspace-instances';
export const PREBUILD_CHANNEL = 'chan:prebuilds';
export const HEADLESS_CHANNEL = 'chan:headless';

/** On `chan:workspace-instances`. */
export interface InstancePayload {
  readonly ownerID: string;
  readonly instanceID: string;
  readonly workspaceID: string;
}

export type PrebuildState = 'queued' | 'building' | 'available' | 'timeout' | 'aborted' | 'failed';

/** On `chan:prebuilds`; consumers ignore messages without a project. */
export interface PrebuildPayload {
  readonly status: PrebuildState;
  readonly prebuildID: string;
  readonly workspaceID: string;
  /** '' without a project. */
  readonly projectID: string;
  readonly organizationID?: string;
}

export type HeadlessEventType =
  | 'log-output'
  | 'finish-success'
  | 'finish-fail'
  | 'aborted-timeout'
  | 'aborted'
  | 'failed'
  | 'started';

/** On `chan:headless`. */
export interface HeadlessPayload {
  readonly workspaceID: string;
  readonly type: HeadlessEventType;
}

/** Ours, never on Redis: beginnings and ends of lives, for the one who counts them. */
export const LIFECYCLE_CHANNEL = 'steward:lifecycle';

/** On `steward:lifecycle`; told at least once, and the same `messageId` means the same event. */
export interface LifecyclePayload {
  readonly event: 'workspace_running' | 'workspace_stopped';
  readonly messageId: string;
  readonly userId: string;
  /** ISO text. */
  readonly timestamp: string;
  readonly properties: Readonly<Record<string, unknown>>;
}
