import { z } from 'zod';
import { parseJson } from '../../config/parse-json.js';
import { StewardError } from '../../errors/steward-error.js';
import { COMMAND_WORDS_MAX } from '../bounds.js';

/** Annotation that names a workspace's command: a JSON array of program and arguments. */
export const COMMAND_ANNOTATION = 'steward.dev/command';

export const commandSchema = z
  .array(z.string().refine((word) => !word.includes('\0'), 'must not contain NUL'))
  .min(1)
  .max(COMMAND_WORDS_MAX)
  .refine(([program]) => program !== '', 'must name a program');

/** The command that the annotations ask for, else `otherwise`; `invalid-argument` when it is not one. */
export function commandIn(
  annotations: Readonly<Record<string, string>>,
  otherwise: readonly string[],
): readonly string[] {
  const { [COMMAND_ANNOTATION]: text } = annotations;
  if (text === undefined) return otherwise;
  const parsed = commandSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new StewardError(
    'invalid-argument',
    `the annotation ${COMMAND_ANNOTATION} must be a JSON array of strings, the program first`,
  );
}
