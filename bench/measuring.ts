import type { WorkspaceSize } from './workspace.js';

/** What every part of the bench is told. */
export interface Measuring {
  readonly workspace: WorkspaceSize;
  /** 1 for the sizes of the targets, less to try the bench itself. */
  readonly scale: number;
}

export function measuringAt(scale: number): Measuring {
  return { scale, workspace: { files: Math.round(40_000 * scale), bytes: Math.round(700_000_000 * scale) } };
}
