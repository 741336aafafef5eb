import { TAR_BLOCK_BYTES, TAR_RECORD_BLOCKS } from './bounds.js';
import { type Exclude, tarExcludes } from './exclude.js';
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
  /** Where the names go of what is archived; to its messages without it. */
  readonly names?: string;
  readonly excludes: readonly Exclude[];
  readonly isZstd: boolean;
}

/** Full archives and increments alike; which it is depends on what the listing holds. */
export function packArguments(options: PackArguments): readonly string[] {
  const { folder, listing, names, excludes, isZstd } = options;
  return [
    ...READ_ARGUMENTS,
    '--file=-',
    `--blocking-factor=${TAR_RECORD_BLOCKS}`,
    '--verbose',
    '--totals',
    ...(names === undefined ? [] : [`--index-file=${names}`]),
    ...(listing === undefined ? [] : [`--listed-incremental=${listing}`, ...LISTED_ARGUMENTS]),
    // A shell runs it, and makes another process for it unless told not to.
    ...(isZstd ? ['--use-compress-program=exec zstd -q -1 -T0'] : []),
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
  /** Of the tar stream, where they are known. */
  readonly contentBytes?: number;
}

/**
 * tar counts whole records, so who reads must have them as who wrote, for both to tell the same totals. Whether our
 * records fit shows in the length: older archives of ours, and those of others, have tar's usual ones of 20 blocks.
 */
export function unpackArguments(options: UnpackArguments): readonly string[] {
  const { folder, kind, user, isZstd, contentBytes = 1 } = options;
  const hasOurRecords = contentBytes % (TAR_RECORD_BLOCKS * TAR_BLOCK_BYTES) === 0;
  return [
    '--extract',
    '--file=-',
    ...(hasOurRecords ? [`--blocking-factor=${TAR_RECORD_BLOCKS}`] : []),
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
