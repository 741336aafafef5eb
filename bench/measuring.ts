import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkspaceSize } from './workspace.js';

/** What every part of the bench is told. */
export class Measuring {
  /** 1 for the sizes of the targets, less to try the bench itself. */
  readonly scale: number;
  readonly workspace: WorkspaceSize;
  readonly #folders: string[] = [];

  constructor(scale: number) {
    this.scale = scale;
    this.workspace = { files: Math.round(40_000 * scale), bytes: Math.round(700_000_000 * scale) };
  }

  /**
   * A folder that stays to the end of the bench: some file systems create files much more slowly for minutes after
   * many were removed (ext4 without a journal passes over inodes that were in use a moment ago).
   */
  newFolder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'steward-bench-'));
    this.#folders.push(folder);
    return folder;
  }

  cleanUp(): void {
    for (const folder of this.#folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  }
}
