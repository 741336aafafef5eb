import { LONG_WRITE_BYTES_MIN, LONG_WRITE_MS } from './bounds.js';
import { type Exclude, findExcludes, tarExcludes } from './exclude.js';
import { RESTORE_STAGING } from './put-into.js';
import { READY_MARKER, READY_MARKER_TEMPORARY } from './ready-marker.js';
import type { ContentUser } from './user.js';

/** What is common to everything that reads a folder with tar. */
const READ_ARGUMENTS = [
  '--create',
  '--format=pax',
  '--pax-option=delete=atime,delete=ctime',
  '--numeric-owner',
  '--xattrs',
  '--xattrs-include=*',
  '--xattrs-exclude=trusted.*',
  '--acls',
  '--sparse',
  '--quoting-style=c',
  '--anchored',
  '--no-wildcards',
  `--exclude=./${READY_MARKER}`,
  `--exclude=./${READY_MARKER_TEMPORARY}`,
  `--exclude=./${RESTORE_STAGING}`,
] as const;

/** Inode numbers are compared, devices are not: they change with every mount and boot. */
const LISTED_ARGUMENTS = ['--no-check-device', '--warning=no-new-directory'] as const;

export interface PackArguments {
  readonly folder: string;
  /**
   * The file of `--listed-incremental`: what is in it was archived already; without it, or empty, everything is.
   * tar leaves in it what the folder holds now.
   */
  readonly listing?: string;
  readonly excludes: readonly Exclude[];
  readonly isZstd: boolean;
}

/** Full archives and increments alike; which it is depends on what the listing holds. */
export function packArguments({ folder, listing, excludes, isZstd }: PackArguments): readonly string[] {
  return [
    ...READ_ARGUMENTS,
    '--file=-',
    '--verbose',
    '--totals',
    ...(listing === undefined ? [] : [`--listed-incremental=${listing}`, ...LISTED_ARGUMENTS]),
    ...(isZstd ? ['--use-compress-program=zstd -q -1 -T0'] : []),
    ...tarExcludes(excludes),
    `--directory=${folder}`,
    '.',
  ];
}

/** Only the listing: GNU tar reads no file when what it writes goes to /dev/null. */
export function seedArguments(
  folder: string,
  listing: string,
  excludes: readonly Exclude[],
): readonly string[] {
  return [
    ...READ_ARGUMENTS,
    '--file=/dev/null',
    `--listed-incremental=${listing}`,
    ...LISTED_ARGUMENTS,
    ...tarExcludes(excludes),
    `--directory=${folder}`,
    '.',
  ];
}

export interface UnpackArguments {
  readonly folder: string;
  /** `increment` goes over what is there, and removes what the increment does not know. */
  readonly kind: 'full' | 'increment';
  readonly user: ContentUser | undefined;
  readonly isZstd: boolean;
}

export function unpackArguments({ folder, kind, user, isZstd }: UnpackArguments): readonly string[] {
  return [
    '--extract',
    '--file=-',
    '--preserve-permissions',
    '--numeric-owner',
    '--xattrs',
    '--xattrs-include=*',
    '--xattrs-exclude=trusted.*',
    '--acls',
    '--delay-directory-restore',
    '--quoting-style=c',
    '--totals',
    '--warning=no-timestamp',
    ...(kind === 'increment' ? ['--listed-incremental=/dev/null'] : []),
    user === undefined ? '--no-same-owner' : '--same-owner',
    ...(isZstd ? ['--use-compress-program=zstd -q'] : []),
    `--directory=${folder}`,
  ];
}

/**
 * Of each entry `<ctime> <inode>\t<type> <mode> <uid> <gid> <size> <mtime> <path>`, NUL, the target of a symbolic
 * link, NUL. What is behind the tab is what a restore must show again. Folders have no size; our marker's folder
 * has no times, because the marker comes and goes in it. Run in the folder, so that paths begin with `.`.
 */
export function surveyArguments(excludes: readonly Exclude[]): readonly string[] {
  const print = (times: string, size: string, modified: string) => [
    '-printf',
    `${times}\\t%y %m %U %G ${size} ${modified} %p\\0%l\\0`,
  ];
  return [
    ...unlessExcluded(excludes),
    ...['-o', '-path', MARKER_FOLDER, '-type', 'd', ...print('0 0', '0', '0')],
    ...['-o', '-type', 'd', ...print('%C@ %i', '0', '%T@')],
    ...['-o', ...print('%C@ %i %n', '%s', '%T@')],
  ];
}

/** Says one byte for each entry of a survey that was not touched since; ends at the first one that was. */
export function untouchedArguments(excludes: readonly Exclude[], sinceMs: number): readonly string[] {
  return [
    ...unlessExcluded(excludes),
    ...['-o', '(', '-path', MARKER_FOLDER, '-type', 'd', '-o', '!', '(', '-newerct', at(sinceMs)],
    // A write that takes long may go on without moving the time.
    ...['-o', '-size', `+${LONG_WRITE_BYTES_MIN - 1}c`, '-newerct', at(sinceMs - LONG_WRITE_MS), ')', ')'],
    ...['-printf', '.', '-o', '-quit'],
  ];
}

/** A point in time for find(1). */
function at(ms: number): string {
  return `@${ms / 1000}`;
}

function unlessExcluded(excludes: readonly Exclude[]): readonly string[] {
  return [
    '.',
    '-ignore_readdir_race',
    '-regextype',
    'posix-extended',
    ...['(', '-path', `./${READY_MARKER}`, '-o', '-path', `./${READY_MARKER_TEMPORARY}`],
    ...['-o', '-path', `./${RESTORE_STAGING}`],
    ...['-o', '-type', 's', ...findExcludes(excludes), ')', '-prune'],
  ];
}

const MARKER_FOLDER = `./${READY_MARKER.slice(0, READY_MARKER.indexOf('/'))}`;
