/** Makes committed files from a source of truth; `npm run check:generated` fails when they differ. */
export interface Generator {
  readonly name: string;
  /** Folders, relative to the repository, in which every file comes from this generator. */
  readonly owns: readonly string[];
  /** Path relative to the repository → content. Must depend on nothing but the repository. */
  files(): Promise<ReadonlyMap<string, string>>;
}
