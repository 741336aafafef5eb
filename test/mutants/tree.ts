/** A machine's configuration as plain data: objects, lists, functions and names. */
export type Path = readonly (string | number)[];

/** A copy in which everything but functions is new. */
export function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, copy(inner)]));
}

export function at(root: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, name) => child(value, name), root);
}

/** A copy of `root` in which what is at `path` is replaced, or gone when `value` is undefined. */
export function replaced(root: unknown, path: Path, value: unknown): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  const inner = rest.length === 0 ? value : replaced(child(root, name), rest, value);
  if (Array.isArray(root)) {
    return root.flatMap((item, index) => (index !== name ? [item] : inner === undefined ? [] : [inner]));
  }
  const entries = Object.entries(isObject(root) ? root : {}).filter(([key]) => key !== name);
  return Object.fromEntries(inner === undefined ? entries : [...entries, [String(name), inner]]);
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

export function child(value: unknown, name: string | number): unknown {
  return isObject(value) ? new Map(Object.entries(value)).get(String(name)) : undefined;
}

/** One or several written without a list, as XState allows; with the path of each. */
export function each(value: unknown, path: Path): { readonly value: unknown; readonly path: Path }[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) return [{ value, path }];
  return value.map((item: unknown, index) => ({ value: item, path: [...path, index] }));
}
