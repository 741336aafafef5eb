import { StewardError } from '../errors/steward-error.js';
import type { Files } from '../gateways/files.js';
import { WorkspaceInitializer } from '../gen/content-service-api/initializer.js';
import { INITIALIZER_FILE_BYTES } from './bounds.js';
import { UsageError } from './usage-error.js';

/**
 * A `WorkspaceInitializer` from a file of protobuf's JSON: field names as in the .proto or in camelCase, enums by
 * name. What the message does not have is refused by its path, because a mistyped field would be left out silently.
 */
export async function initializerFile(files: Files, path: string): Promise<WorkspaceInitializer> {
  let text: string;
  try {
    text = (await files.read(path, INITIALIZER_FILE_BYTES)).toString('utf8');
  } catch (cause) {
    throw new StewardError('invalid-argument', `the file of --initializer cannot be read: ${path}`, {
      cause,
    });
  }
  return initializerFromJson(text, path);
}

export function initializerFromJson(text: string, path: string): WorkspaceInitializer {
  const given = camelCased(parsed(text, path));
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new UsageError(`${path} must hold one object with a WorkspaceInitializer`);
  }
  const initializer = understood(given, path);
  if (initializer.spec === undefined) {
    throw new UsageError(`${path} names no source: set one of empty, git, snapshot, prebuild, composite, …`);
  }
  const missing = lostIn(given, initializer, '');
  if (missing !== undefined)
    throw new UsageError(`${path} has ${missing}, which an initializer does not have`);
  return initializer;
}

function understood(given: object, path: string): WorkspaceInitializer {
  try {
    return WorkspaceInitializer.fromJSON(given);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`${path} is no WorkspaceInitializer: ${why}`);
  }
}

function parsed(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`${path} is not JSON: ${why}`);
  }
}

/** The keys of this one are the user's own. */
const MAP_FIELD = 'customConfig';

/** What generated code makes of the name of an enum's value that it does not know. */
const UNKNOWN_NAME = -1;

function camelCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelCased);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const name = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
      return [name, name === MAP_FIELD ? inner : camelCased(inner)];
    }),
  );
}

/** The path of the first thing in `given` that the message made of it does not have; undefined without one. */
function lostIn(given: unknown, taken: unknown, path: string): string | undefined {
  if (Array.isArray(given)) {
    const others: readonly unknown[] = Array.isArray(taken) ? taken : [];
    return firstLost(given.map((inner, index) => lostIn(inner, others[index], `${path}[${index}]`)));
  }
  if (typeof given !== 'object' || given === null) return taken === UNKNOWN_NAME ? path : undefined;
  const fields = fieldsOf(taken);
  return firstLost(
    Object.entries(given).map(([key, inner]) => {
      const below = path === '' ? key : `${path}.${key}`;
      return fields.has(key) ? lostIn(inner, fields.get(key), below) : below;
    }),
  );
}

/** By their names in JSON, where the member of a oneof stands for itself. */
function fieldsOf(message: unknown): ReadonlyMap<string, unknown> {
  if (typeof message !== 'object' || message === null) return new Map();
  if (!('spec' in message)) return new Map(Object.entries(message));
  const { spec } = message;
  if (typeof spec !== 'object' || spec === null || !('$case' in spec) || !('value' in spec)) return new Map();
  return new Map([[String(spec.$case), spec.value]]);
}

function firstLost(found: readonly (string | undefined)[]): string | undefined {
  return found.find((path) => path !== undefined);
}
