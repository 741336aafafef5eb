import { constants } from 'node:os';
import { StewardError } from '../../errors/steward-error.js';
import type { KillSignal } from '../../gateways/processes.js';
import type { ExecStart, TerminalSize } from '../../gen/steward/v1/runtime.js';
import { optionalText } from '../../grpc/validation.js';
import { TERMINAL_SIZE_MAX } from '../../runtime/bounds.js';
import type { ExecRequest } from '../../runtime/exec.js';
import { COMMAND_WORDS_MAX, ENVIRONMENT_MAX } from '../bounds.js';

/** What is to be run, as the runtime wants it. Throws `invalid-argument`. */
export function checkedExec(start: ExecStart): ExecRequest {
  const { command, environment, workingDirectory, terminal } = start;
  if (command.length > COMMAND_WORDS_MAX) {
    throw invalid(`start.command has more than ${COMMAND_WORDS_MAX} words`);
  }
  if (command[0] === undefined || command[0] === '') throw invalid('start.command must name a program');
  if (command.some((word) => word.includes('\0'))) throw invalid('start.command contains NUL');
  return {
    command,
    env: checkedEnvironment(environment),
    workingFolder: optionalText(workingDirectory, 'start.working_directory'),
    terminal: terminal === undefined ? undefined : checkedSize(terminal, 'start.terminal'),
  };
}

/** Variables are told by name only: their values may be secret. */
function checkedEnvironment(environment: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const variables = Object.entries(environment);
  if (variables.length > ENVIRONMENT_MAX) {
    throw invalid(`start.environment has more than ${ENVIRONMENT_MAX} variables`);
  }
  for (const [name, value] of variables) {
    if (!/^[^=\0]+$/.test(name)) {
      throw invalid('start.environment has a name that is empty or contains "=" or NUL');
    }
    if (value.includes('\0')) throw invalid('start.environment has a value that contains NUL');
  }
  return environment;
}

export function checkedSize({ rows, columns }: TerminalSize, field: string): TerminalSize {
  for (const [name, size] of Object.entries({ rows, columns })) {
    if (size < 1 || size > TERMINAL_SIZE_MAX) {
      throw invalid(`${field}.${name} is not between 1 and ${TERMINAL_SIZE_MAX}`);
    }
  }
  return { rows, columns };
}

export function signalOf(number: number): KillSignal {
  const name = nameOf(constants.signals, number);
  if (name !== undefined) return name;
  throw invalid('signal is not the number of a signal, 1 to 31');
}

function nameOf<Table extends object>(
  table: Table,
  value: unknown,
): Extract<keyof Table, string> | undefined {
  for (const name in table) if (table[name] === value) return name;
  return undefined;
}

function invalid(message: string): StewardError {
  return new StewardError('invalid-argument', message);
}
