/** The moments at which the daemon can be made to kill itself, by name; what each means is in `killing-*.ts`. */
export const POINTS = [
  'record-setting-up-before',
  'record-setting-up-after',
  'record-available-before',
  'record-available-after',
  'record-wrapping-up-before',
  'record-wrapping-up-after',
  'record-removing-before',
  'record-removing-after',
  'record-gone-before',
  'record-gone-after',
  'record-snapshot-before',
  'record-snapshot-after',
  'content-folder-made',
  'ready-marker-before',
  'ready-marker-after',
  'tar-reads',
  'tar-read',
  'tar-writes',
  'tar-wrote',
  'archive-half-uploaded',
  'archive-before',
  'archive-after',
  'manifest-before',
  'manifest-after',
  'snapshot-manifest-before',
  'snapshot-manifest-after',
  'listing-seeds',
  'listing-switch-before',
  'listing-switch-after',
  'removal-before',
  'removal-half-way',
  'removal-after',
  'quarantine-before',
  'quarantine-after',
  'layer-fills',
  'layer-switch-before',
  'layer-switch-after',
] as const;

export type PointName = (typeof POINTS)[number];

/** Which point, and at its how-many-th time, counted from 1. */
export interface KillAt {
  readonly point: PointName;
  readonly time: number;
}

/** Counts how often each point is reached, and ends this process at the one it was made for. */
export class FaultPoints {
  readonly #at: KillAt | undefined;
  #times = 0;

  constructor(at: KillAt | undefined) {
    this.#at = at;
  }

  /** Whether the kill is to come at this point now; whoever asks must then kill. */
  isDue(point: PointName): boolean {
    if (this.#at?.point !== point) return false;
    this.#times += 1;
    return this.#times === this.#at.time;
  }

  reach(point: PointName): void {
    if (this.isDue(point)) die();
  }
}

/** As if somebody else had sent it: no handler runs, and nothing is written any more. */
export function die(): never {
  process.kill(process.pid, 'SIGKILL');
  for (;;);
}
