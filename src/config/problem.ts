/** One thing wrong with a configuration. */
export interface ConfigProblem {
  /** `storage.folder`, or the name of an environment variable; empty for the whole. */
  readonly path: string;
  readonly expected: string;
}
