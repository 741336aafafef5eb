/** Bytes of a command's output as they were written; pieces do not end at lines. */
export interface LogPiece {
  /** Of the first byte, counted from the beginning of all output. A jump is what is no longer kept. */
  readonly offset: number;
  readonly data: Uint8Array;
}

export interface LogOptions {
  readonly follow: boolean;
  /** Begin with this byte; 0 for the beginning. */
  readonly offset: number;
  /** Begin with the last so many lines if that is later; undefined: all. */
  readonly tailLines: number | undefined;
  /** Whether nothing will be written any more. */
  readonly isOver: () => boolean;
  readonly signal: AbortSignal;
}
