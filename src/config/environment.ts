import { z } from 'zod';
import type { ConfigProblem } from './problem.js';

export interface EnvironmentValues {
  readonly values: object;
  /** Variables with our prefix that name no key. */
  readonly problems: readonly ConfigProblem[];
}

interface Key {
  readonly path: readonly string[];
  readonly type: z.ZodType;
}

/**
 * What the environment says: `<PREFIX>_<KEY>`, the key's path in capitals with `_` between words and levels,
 * so that `storage.rootFolder` is `<PREFIX>_STORAGE_ROOT_FOLDER`. Keys that hold no text take JSON.
 */
export function fromEnvironment(
  schema: z.ZodObject,
  env: Readonly<Record<string, string | undefined>>,
  prefix: string,
): EnvironmentValues {
  const keys = new Map(keysOf(schema, []).map((key) => [nameOf(prefix, key.path), key]));
  const values: Record<string, unknown> = {};
  const problems: ConfigProblem[] = [];
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(`${prefix}_`) || text === undefined) continue;
    const key = keys.get(name);
    if (key === undefined) problems.push({ path: name, expected: 'there is no key of this name' });
    else put(values, key.path, valueFrom(text, key.type));
  }
  return { values, problems };
}

/** The keys that hold a value, those of nested objects included. */
function keysOf(schema: z.ZodObject, path: readonly string[]): Key[] {
  return Object.entries(schema.shape).flatMap(([name, field]): Key[] => {
    if (!(field instanceof z.ZodType)) return [];
    const inner = unwrapped(field);
    const here = [...path, name];
    const objects = objectsIn(inner);
    if (objects.length === 0) return [{ path: here, type: inner }];
    // What may be said in one text, such as a URL, has a variable of its own.
    const whole = isShorthand(field) ? [{ path: here, type: z.string() }] : [];
    return [...whole, ...objects.flatMap((object) => keysOf(object, here))];
  });
}

/** The object that a key holds, or each one that it may hold; none when it holds something else. */
export function objectsIn(type: z.ZodType): readonly z.ZodObject[] {
  if (type instanceof z.ZodObject) return [type];
  if (!(type instanceof z.ZodDiscriminatedUnion)) return [];
  return type.options.flatMap((option) => (option instanceof z.ZodType ? objectsIn(unwrapped(option)) : []));
}

/** The type itself, without what makes it optional, gives it a default, or renames what an object says. */
export function unwrapped(type: z.ZodType): z.ZodType {
  if (type instanceof z.ZodPipe) {
    if (type.in instanceof z.ZodTransform) return type.out instanceof z.ZodType ? unwrapped(type.out) : type;
    const said = type.in instanceof z.ZodType ? unwrapped(type.in) : undefined;
    return said instanceof z.ZodObject ? said : type;
  }
  const isWrapper =
    type instanceof z.ZodOptional ||
    type instanceof z.ZodDefault ||
    type instanceof z.ZodPrefault ||
    type instanceof z.ZodNullable;
  const inner = isWrapper ? type.unwrap() : type;
  return inner !== type && inner instanceof z.ZodType ? unwrapped(inner) : type;
}

/** Whether a text may stand for the whole object. */
function isShorthand(type: z.ZodType): boolean {
  if (type instanceof z.ZodPipe) return type.in instanceof z.ZodTransform;
  const isWrapper =
    type instanceof z.ZodOptional || type instanceof z.ZodDefault || type instanceof z.ZodPrefault;
  const inner = isWrapper ? type.unwrap() : type;
  return inner !== type && inner instanceof z.ZodType && isShorthand(inner);
}

/** Text where text fits; JSON (numbers, booleans, lists) where it does not. */
function valueFrom(text: string, type: z.ZodType): unknown {
  if (type.safeParse(text).success) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function nameOf(prefix: string, path: readonly string[]): string {
  const words = path.map((part) => part.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase());
  return [prefix, ...words].join('_');
}

function put(values: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [first, ...rest] = path;
  if (first === undefined) return;
  if (rest.length === 0) {
    values[first] = value;
    return;
  }
  const inner: Record<string, unknown> = { ...Object(values[first]) };
  put(inner, rest, value);
  values[first] = inner;
}
