import { EXCLUDE_PATTERN_CHARACTERS_MAX, EXCLUDE_PATTERN_GAP_MAX, EXCLUDE_PATTERNS_MAX } from './bounds.js';

/** A pattern that was understood. */
export interface Exclude {
  /** With `*` and `?` in it, neither of which matches a slash; everything else is itself. */
  readonly glob: string;
  /** Matches from the content's root on; otherwise at any depth. */
  readonly isAnchored: boolean;
  /** What lies in folders of that name stays out, and the folders themselves are kept, empty. */
  readonly isInside: boolean;
}

export interface ExcludePatterns {
  readonly excludes: readonly Exclude[];
  /** Lines that were not understood, and why, in words for people. */
  readonly problems: readonly string[];
}

/**
 * Reads lines of glob patterns: a subset of what `.gitignore` knows. Empty lines and lines that begin with `#` do
 * not count; `/` at the beginning, or anywhere inside, ties the pattern to the content's root; `/` at the end
 * means what is in such folders. `!`, `[`, `**` and `\` are not known: a line with one is a problem and excludes
 * nothing.
 */
export function readExcludes(lines: readonly string[]): ExcludePatterns {
  const excludes: Exclude[] = [];
  const problems: string[] = [];
  for (const raw of lines) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const problem = problemOf(line, excludes.length);
    if (problem === undefined) excludes.push(excludeOf(line));
    else problems.push(`pattern ${JSON.stringify(line.slice(0, EXCLUDE_PATTERN_CHARACTERS_MAX))} ${problem}`);
  }
  return { excludes, problems };
}

function problemOf(line: string, count: number): string | undefined {
  if (count >= EXCLUDE_PATTERNS_MAX) return `comes after ${EXCLUDE_PATTERNS_MAX} others and is not used`;
  if (line.length > EXCLUDE_PATTERN_CHARACTERS_MAX) return 'is too long';
  if (/[[\]\\!\0\uFFFD]|\*\*/.test(line)) return 'holds one of ! [ ] \\ ** or no text';
  if (line.includes('*') && line.split('?').length - 1 > EXCLUDE_PATTERN_GAP_MAX) {
    return `holds a * and more than ${EXCLUDE_PATTERN_GAP_MAX} ?`;
  }
  const path = line.replace(/^\//, '').replace(/\/$/, '');
  const isWhole = path.split('/').every((name) => name !== '' && name !== '.' && name !== '..');
  return isWhole ? undefined : 'names no path below the content';
}

function excludeOf(line: string): Exclude {
  const isInside = line.endsWith('/');
  const glob = line.replace(/^\//, '').replace(/\/$/, '');
  return { glob, isInside, isAnchored: line.startsWith('/') || glob.includes('/') };
}

/** For tar, behind its other excludes: these options are taken in order. */
export function tarExcludes(excludes: readonly Exclude[]): readonly string[] {
  if (excludes.length === 0) return [];
  const patterns = excludes.flatMap(({ glob, isAnchored, isInside }) => {
    const inside = isInside ? '/*' : '';
    if (isAnchored) return ['--anchored', `--exclude=./${glob}${inside}`];
    const globs = BUT_THE_ROOT.get(glob) ?? [glob];
    return ['--no-anchored', ...globs.map((one) => `--exclude=${one}${inside}`)];
  });
  // What is named to be archived would be a pattern, too, if wildcards stayed on: then nothing is found.
  return ['--wildcards', '--no-wildcards-match-slash', ...patterns, '--no-wildcards', '--anchored'];
}

/**
 * tar calls the content's root `.`, which is a name like any other to it: then nothing at all is archived. Of all
 * globs these match it, so they are replaced by what matches the same names but that one.
 */
const BUT_THE_ROOT: ReadonlyMap<string, readonly string[]> = new Map([
  ...['*', '*?', '?*', '*?*'].map((glob): [string, string[]] => [glob, ['[!.]', '??*']]),
  ['?', ['[!.]']],
  ['.*', ['.?*']],
  ['*.', ['?*.']],
  ['*.*', ['?*.*', '*.?*']],
]);

/**
 * The same for find, as more alternatives of what it prunes; posix-extended, on whole paths. Each is an expression
 * of its own: find remembers every combination of places that it was at once in one, and of many there is no end.
 */
export function findExcludes(excludes: readonly Exclude[]): readonly string[] {
  return excludes.flatMap(({ glob, isAnchored, isInside }) => {
    const names = glob
      .replace(/[.+(){}|^$]/g, '\\$&')
      .replaceAll('*', '[^/]*')
      .replaceAll('?', '[^/]');
    return ['-o', '-regex', `\\./${isAnchored ? '' : '(.*/)?'}${names}${isInside ? '/[^/]+' : ''}`];
  });
}
