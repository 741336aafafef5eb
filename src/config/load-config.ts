import { z } from 'zod';
import { StewardError } from '../errors/steward-error.js';
import { errorCode } from '../gateways/file-error.js';
import type { Files } from '../gateways/files.js';
import { CONFIG_FILE_BYTES } from './bounds.js';
import { fromEnvironment, objectsIn, unwrapped } from './environment.js';
import type { ConfigProblem } from './problem.js';

export interface ConfigSources {
  /** A JSON file; a missing one is an error. Absent: defaults only. */
  readonly file?: string;
  /** The file holds several configurations by name, and this is the one; absent in it, it says nothing. */
  readonly section?: { readonly name: string; readonly among: readonly string[] };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `STEWARD_DAEMON`, say: `STEWARD_DAEMON_STORAGE_FOLDER` then sets `storage.folder`. */
  readonly envPrefix: string;
  /** Pairs of keys that mean the same, of which only one may be said. */
  readonly synonyms?: readonly (readonly [string, string])[];
  /** What the command line says; goes before everything else. */
  readonly overrides?: object;
  /** What is meant where none of these say it, given what they say. */
  readonly defaults?: (said: object) => object;
}

/**
 * The configuration: `defaults`, overlaid by the file, by the environment and by `overrides`, checked. Fails with
 * `invalid-config` that names every bad key and what was expected of it. Values are never in messages: they
 * may be secrets.
 */
export async function loadConfig<Schema extends z.ZodObject>(
  files: Files,
  schema: Schema,
  sources: ConfigSources,
): Promise<z.output<Schema>> {
  const fromFile = sources.file === undefined ? {} : await readSection(files, sources.file, sources.section);
  const { values, problems } = fromEnvironment(schema, sources.env, sources.envPrefix);
  const said = overlay(overlay(fromFile, values), sources.overrides ?? {});
  const merged = overlay(sources.defaults?.(said) ?? {}, said);
  const result = schema.safeParse(merged);
  const unknown = unknownKeys(schema, merged, []);
  const within = sources.section === undefined ? [] : [sources.section.name];
  const twice = saidTwice(merged, sources.synonyms ?? []);
  const ofKeys = [...unknown, ...twice, ...(result.success ? [] : problemsOf(result.error))];
  const whole = ({ path }: ConfigProblem) => [...within, path].filter((part) => part !== '').join('.');
  const found = [...problems, ...ofKeys.map((each) => ({ ...each, path: whole(each) }))];
  if (result.success && found.length === 0) return result.data;
  throw invalid(sources.file, found);
}

/** Whether the file holds several configurations, each under one of these names. */
export async function hasSections(files: Files, path: string, among: readonly string[]): Promise<boolean> {
  return Object.keys(await readJson(files, path)).some((key) => among.includes(key));
}

/** For editors and `steward config check`: what the file may hold. */
export function configJsonSchema(schema: z.ZodObject): object {
  return z.toJSONSchema(schema, {
    io: 'input',
    override: ({ jsonSchema }) => {
      if (jsonSchema.properties !== undefined) jsonSchema.additionalProperties = false;
    },
  });
}

/** A key that nobody knows is most often a misspelt one, at any depth. */
function unknownKeys(schema: z.ZodObject, value: object, path: readonly string[]): ConfigProblem[] {
  return Object.entries(value).flatMap(([key, inner]): ConfigProblem[] => {
    const here = [...path, key];
    const field = Object.hasOwn(schema.shape, key) ? schema.shape[key] : undefined;
    if (field === undefined) return [{ path: here.join('.'), expected: 'there is no such key' }];
    const objects = field instanceof z.ZodType ? objectsIn(unwrapped(field)) : [];
    const object = objects.length > 1 ? objects.find((each) => isKind(each, inner)) : objects[0];
    return object !== undefined && isPlain(inner) ? unknownKeys(object, inner, here) : [];
  });
}

/** Whether a value says that it is this one of several kinds of object; by default it is the first. */
function isKind(object: z.ZodObject, value: unknown): boolean {
  const { kind } = object.shape;
  return kind instanceof z.ZodType && kind.safeParse(Object(value).kind).success;
}

function saidTwice(said: object, synonyms: readonly (readonly [string, string])[]): ConfigProblem[] {
  return synonyms
    .filter((pair) => pair.every((key) => Object.hasOwn(said, key)))
    .map(([one, other]) => ({ path: other, expected: `it means the same as ${one}: say only one of them` }));
}

/** Unknown keys are found above, but for those in lists. */
function problemsOf(error: z.ZodError): ConfigProblem[] {
  return error.issues.flatMap((issue): ConfigProblem[] => {
    const path = issue.path.map(String).join('.');
    if (issue.code !== 'unrecognized_keys') return [{ path, expected: issue.message }];
    const isInList = issue.path.some((part) => typeof part === 'number');
    return isInList
      ? issue.keys.map((key) => ({ path: `${path}.${key}`, expected: 'there is no such key' }))
      : [];
  });
}

function invalid(file: string | undefined, problems: readonly ConfigProblem[]): StewardError {
  const lines = problems.map(({ path, expected }) => `  ${path === '' ? '(the whole)' : path}: ${expected}`);
  const where = file === undefined ? 'The configuration' : `The configuration ${file}`;
  return new StewardError('invalid-config', `${where} is not valid:\n${lines.join('\n')}`);
}

async function readSection(files: Files, path: string, section: ConfigSources['section']): Promise<object> {
  const whole = await readJson(files, path);
  if (section === undefined) return whole;
  const unknown = Object.keys(whole).filter((key) => !section.among.includes(key));
  if (unknown.length > 0) {
    const expected = `there is no such key; there are ${section.among.join(', ')}`;
    throw invalid(
      path,
      unknown.map((key) => ({ path: key, expected })),
    );
  }
  const said = new Map(Object.entries(whole)).get(section.name) ?? {};
  if (isPlain(said)) return said;
  throw invalid(path, [{ path: section.name, expected: 'it must be a JSON object' }]);
}

async function readJson(files: Files, path: string): Promise<object> {
  const text = await readText(files, path);
  const parsed = parse(text);
  if (parsed === undefined) throw invalid(path, [{ path: '', expected: 'it must be valid JSON' }]);
  if (!isPlain(parsed)) throw invalid(path, [{ path: '', expected: 'it must be a JSON object' }]);
  return parsed;
}

async function readText(files: Files, path: string): Promise<string> {
  try {
    return (await files.read(path, CONFIG_FILE_BYTES)).toString('utf8');
  } catch (error) {
    const reason = errorCode(error) ?? 'unknown error';
    const message = `The configuration ${path} cannot be read (${reason}).`;
    throw new StewardError('invalid-config', message, { cause: error });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Objects are merged key by key; anything else replaces what is below it. */
function overlay(below: object, above: object): object {
  const merged: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const lower = Object.hasOwn(merged, key) ? merged[key] : undefined;
    if (value !== undefined) merged[key] = isPlain(lower) && isPlain(value) ? overlay(lower, value) : value;
  }
  return merged;
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
