import { z } from 'zod';
import type { WorkspaceKind } from '../../../machines/workspace-phase.js';
import { parseJson } from '../../config/parse-json.js';
import { StewardError } from '../../errors/steward-error.js';
import type { StartWorkspaceSpec } from '../../gen/ws-manager-api/core.js';
import type { Task, Work } from '../../runtime/workspace-runtime.js';
import { TASKS_MAX } from '../bounds.js';
import { COMMAND_ANNOTATION, commandIn } from './command.js';

/** Variable in which existing clients hand over what the tasks of a workspace are: a JSON array. */
const TASKS_VARIABLE = 'GITPOD_TASKS';

const text = z.string().optional();

/** Of a task what concerns a workspace that nobody is at; the rest is for editors. */
const task = z.object({
  before: text,
  init: text,
  prebuild: text,
  env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.unknown()).optional(),
});

const tasks = z.array(task).max(TASKS_MAX);

/**
 * What an instance runs: its command, and without one in its annotations an instance without anybody at it its tasks.
 * `invalid-argument` when that is not what it should be.
 */
export function workOf(
  kind: WorkspaceKind,
  annotations: Readonly<Record<string, string>>,
  spec: StartWorkspaceSpec,
  defaultCommand: readonly string[],
): Work {
  const command = commandIn(annotations, defaultCommand);
  if (kind === 'regular') return { kind: 'command', command };
  if (annotations[COMMAND_ANNOTATION] === undefined) return { kind: 'tasks', tasks: tasksIn(spec) };
  return { kind: 'tasks', tasks: [{ name: '0', script: `exec ${command.map(quoted).join(' ')}` }] };
}

function tasksIn({ envvars, sysEnvvars }: StartWorkspaceSpec): readonly Task[] {
  const value = [...envvars, ...sysEnvvars].findLast(({ name }) => name === TASKS_VARIABLE)?.value ?? '';
  if (value === '') return [];
  const parsed = tasks.safeParse(parseJson(value));
  if (parsed.success)
    return parsed.data.map((one, index) => ({ name: String(index), script: scriptOf(one) }));
  const where = parsed.error.issues[0]?.path.join('.') ?? '';
  throw new StewardError('invalid-argument', `${TASKS_VARIABLE} is no JSON array of tasks (at "${where}")`);
}

/** One after another, as long as they succeed. */
function scriptOf({ before, init, prebuild, env }: z.infer<typeof task>): string {
  const variables = Object.entries(env ?? {}).map(([name, value]) => {
    const literal = typeof value === 'string' ? value : JSON.stringify(value ?? '');
    return `export ${name}=${quoted(literal)}\n`;
  });
  const parts = [before, init, prebuild].filter((part) => part !== undefined && part.trim() !== '');
  return `${variables.join('')}${parts.map((part) => `{\n${part}\n}`).join(' && ') || ':'}`;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
