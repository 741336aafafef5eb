/** How far git says it is with the part it is at. */
export interface GitProgress {
  /** Git's own words for the part: `Receiving objects`, `Updating files`, … */
  readonly part: string;
  /** 0 to 100. */
  readonly percent: number;
  /** Bytes that came so far, rounded as git rounds them; 0 where it tells none. */
  readonly bytes: number;
}

const LINE =
  /^(?:remote: )?([A-Z][A-Za-z ]{0,60}): +(\d{1,3})% \(\d+\/\d+\)(?:, ([\d.]{1,12}) (bytes|[KMG]iB|[KMG]?B))?/;
/** As git-lfs counts. */
const LFS_UNITS = { B: 1, KB: 1000, MB: 1000 ** 2, GB: 1000 ** 3 };
const UNITS: Readonly<Record<string, number>> = {
  bytes: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  ...LFS_UNITS,
};

/** Reads a line of `--progress` (git's progress.c; git-lfs writes the same); undefined for any other line. */
export function gitProgressIn(line: string): GitProgress | undefined {
  const [, part, percent, amount, unit] = LINE.exec(line) ?? [];
  if (part === undefined) return undefined;
  const bytes = Math.round(Number(amount ?? 0) * (UNITS[unit ?? ''] ?? 0));
  return { part, percent: Math.min(100, Number(percent)), bytes: Number.isFinite(bytes) ? bytes : 0 };
}
