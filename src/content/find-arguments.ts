import { type Exclude, findExcludes } from './exclude.js';
import { RESTORE_STAGING } from './put-into.js';
import { READY_MARKER, READY_MARKER_TEMPORARY } from './ready-marker.js';

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

/**
 * Something of the first entry whose change time is later than `sinceMs` (since the epoch), and then the end. As in a
 * survey, our marker's folder has no times. A millisecond less, because the number is rounded.
 */
export function touchedArguments(excludes: readonly Exclude[], sinceMs: number): readonly string[] {
  return [
    ...unlessExcluded(excludes),
    ...['-o', '-path', MARKER_FOLDER, '-type', 'd'],
    ...['-o', '-newerct', `@${((sinceMs - 1) / 1000).toFixed(3)}`, '-printf', '%p\\0', '-quit'],
  ];
}

/** `<inode> <path>`, NUL, of each folder. */
export function foldersArguments(excludes: readonly Exclude[]): readonly string[] {
  return [...unlessExcluded(excludes), '-o', '-type', 'd', '-printf', '%i %p\\0'];
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
