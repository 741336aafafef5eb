import { StewardError } from '../errors/steward-error.js';
import type { ProcessExit } from '../gateways/processes.js';

/** What every program we start sees: where programs are, and messages in English. */
export const PROGRAM_ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
} as const;

/** How a program ended, in words that follow its name. */
export function describeExit(exit: ProcessExit): string {
  switch (exit.kind) {
    case 'code':
      return `ended with code ${exit.code}`;
    case 'signal':
      return `was ended by ${exit.signal}`;
    case 'failed':
      return `could not run: ${exit.error.message}`;
  }
}

/**
 * Whether a line is one in which tar, zstd or git complains of memory it cannot have. What stands in quotes in it is
 * named by somebody else, and so is what a Git server says (`remote: …`).
 */
export function saysNoMemory(line: string): boolean {
  const own = line.replace(QUOTED, '');
  return NO_MEMORY.some((shape) => shape.test(own));
}

/** Git passes on what a server says. A name alone on its line is one of a list. */
function isOfOthers(line: string): boolean {
  return /^(?:remote:|\s)/.test(line);
}

const QUOTED = /"(?:[^"\\]|\\.)*(?:"|$)|'[^']*'/g;
const NO_MEMORY = [
  /^(?:\S*\/)?tar: memory exhausted$/,
  /^(?:\S*\/)?tar: .*: Cannot allocate memory$/,
  /^zstd: error \d+ : .*not enough memory\s*$/,
  /^\/\*stdin\*\\ : Decoding error \(\d+\) : .*not enough memory\s*$/,
  /^(?:fatal|error): Out of memory[,?!.]/,
  /^(?:fatal|error): .*: Cannot allocate memory$/,
];

/** Whether a line is one in which a program complains of a full disk. */
export function saysNoRoom(line: string): boolean {
  return (
    /(?:^|: )(?:No space left on device|Disk quota exceeded)\s*$/.test(line.replace(QUOTED, '')) &&
    !isOfOthers(line)
  );
}

export function noMemory(what: string, complaint: string): StewardError {
  return new StewardError('memory-exceeded', `${what} takes more memory than it may have: ${complaint}`);
}

/** The error of a program that could not even be started; undefined for any other end. */
export function notStarted(program: string, exit: ProcessExit): StewardError | undefined {
  if (exit.kind !== 'failed') return undefined;
  if ('code' in exit.error && exit.error.code === 'ENOENT') {
    return new StewardError('missing-tool', `${program} is not installed`, { cause: exit.error });
  }
  return new StewardError('process-failed', `${program} ${describeExit(exit)}`, { cause: exit.error });
}
