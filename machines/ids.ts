/**
 * The names everything is keyed by. An instance is one run of a workspace (wire: `id`), a workspace is the
 * long-lived thing (wire: `meta_id`), an owner is the user it belongs to.
 */
declare const brand: unique symbol;
type Branded<Kind extends string> = string & { readonly [brand]: Kind };

export type InstanceId = Branded<'InstanceId'>;
export type WorkspaceId = Branded<'WorkspaceId'>;
export type OwnerId = Branded<'OwnerId'>;

/** Longest id accepted, in characters. Ids become file names next to suffixes, and NAME_MAX is 255 bytes. */
export const ID_LENGTH_MAX = 128;

/**
 * What an id may look like: letters, digits, `.`, `_`, `-`, starting with a letter or digit. Ids become path
 * segments, object names and socket names, so slashes, `..`, blanks and control characters are refused.
 */
const ID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** Why `text` cannot be an id, in words that follow "the id"; undefined when it can. */
export function idProblem(text: string): string | undefined {
  if (text === '') return 'is empty';
  if (text.length > ID_LENGTH_MAX) return `is longer than ${ID_LENGTH_MAX} characters`;
  if (!ID_PATTERN.test(text)) {
    return 'may hold only letters, digits, ".", "_" and "-", and must start with a letter or digit';
  }
  if (text.includes('..')) return 'must not contain ".."';
  return undefined;
}

export function isInstanceId(text: string): text is InstanceId {
  return idProblem(text) === undefined;
}

export function isWorkspaceId(text: string): text is WorkspaceId {
  return idProblem(text) === undefined;
}

export function isOwnerId(text: string): text is OwnerId {
  return idProblem(text) === undefined;
}
