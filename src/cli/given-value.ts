import type { Variable } from './arguments.js';
import { UsageError } from './usage-error.js';

/** The value of a variable as given, or the caller's own where only its name was. */
export function givenValue(
  { name, value }: Variable,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const found = value ?? env[name];
  if (found === undefined) throw new UsageError(`--env ${name}: there is no such variable to pass on`);
  return found;
}
