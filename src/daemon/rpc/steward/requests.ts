import { isAbsolute } from 'node:path';
import { RESTORE_PATH_BYTES_MAX, RESTORE_PATHS_MAX } from '../../../content/bounds.js';
import { StewardError } from '../../../errors/steward-error.js';
import { nonNegative, pageSize, requiredOwnerId, requiredWorkspaceId } from '../../../grpc/validation.js';
import { PAGE_SHOWN_MAX } from '../../bounds.js';
import type { Of } from './options.js';

/** Checks of the fields that several requests have; each throws `invalid-argument` with the field's name. */

export function workspaceIn(request: { readonly owner: string; readonly workspaceId: string }): Of {
  return {
    owner: requiredOwnerId(request.owner, 'owner'),
    workspace: requiredWorkspaceId(request.workspaceId, 'workspace_id'),
  };
}

/** A generation that is named, not the newest whichever it is. */
export function requiredGeneration(value: bigint): number {
  const generation = nonNegative(value, 'generation');
  if (generation === 0) throw new StewardError('invalid-argument', 'generation is missing');
  return generation;
}

export interface Page<Token> {
  readonly size: number;
  readonly after: Token | undefined;
}

export function pageIn<Token>(
  request: { readonly pageSize: number; readonly pageToken: string },
  parse: (token: string) => Token | undefined,
): Page<Token> {
  const size = pageSize(request.pageSize, 'page_size', PAGE_SHOWN_MAX);
  if (request.pageToken === '') return { size, after: undefined };
  const after = parse(request.pageToken);
  if (after === undefined) throw new StewardError('invalid-argument', 'page_token is not one of ours');
  return { size, after };
}

/** A positive whole number as tokens carry it. */
export function numberToken(token: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(token) ? Number(token) : undefined;
}

/** Relative paths of plain names, each once and none below another. */
export function pathsIn(paths: readonly string[], field: string): readonly string[] {
  if (paths.length > RESTORE_PATHS_MAX) {
    throw new StewardError('invalid-argument', `${field} has more than ${RESTORE_PATHS_MAX} entries`);
  }
  const plain = [...new Set(paths.map((path, index) => plainPath(path, `${field}[${index}]`)))];
  return plain.filter((path) => !plain.some((other) => path.startsWith(`${other}/`)));
}

/** The path without `./` in front and `/` behind; nothing of it leads up or is absolute. */
export function plainPath(path: string, field: string): string {
  const refuse = (problem: string) => new StewardError('invalid-argument', `${field} ${problem}`);
  if (path === '') throw refuse('is empty');
  if (Buffer.byteLength(path) > RESTORE_PATH_BYTES_MAX) {
    throw refuse(`is longer than ${RESTORE_PATH_BYTES_MAX} bytes`);
  }
  if (path.includes('\0')) throw refuse('must not contain a zero byte');
  if (isAbsolute(path)) throw refuse('must be relative to the content');
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.length === 0) throw refuse('names nothing in the content');
  if (parts.includes('..')) throw refuse('must not lead up');
  return parts.join('/');
}
