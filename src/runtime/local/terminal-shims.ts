import type { TerminalSize } from '../exec.js';
import { TOOLS_PATH } from './launch.js';

/**
 * script(1) makes the terminal, hands on what is typed and shown, and ends as the command ends; it takes the command
 * as one text for the shell. Waits for a line first, so that it can be put in its place; `$1` is the folder, `$2` the
 * PATH for tools, `$3` that text.
 */
const OUTSIDE = `
read -r _steward_line || exit 70
cd -- "$1" || exit 126
export STEWARD_EXEC_PATH="$PATH"
[ -z "\${SHELL+set}" ] || export STEWARD_EXEC_SHELL="$SHELL"
PATH=$2 SHELL=/bin/sh
export PATH SHELL
exec script -qefc "$3" /dev/null 3>&2
`;

/**
 * Inside the terminal, before the command: has it show what is typed (script does not, when that comes from a program),
 * and tells who leads its session and what the terminal is called. `$1` and `$2`
 * are rows and columns, the rest the command.
 */
const INSIDE = `
stty echo rows "$1" cols "$2" 3>&-
printf '%s %s\\n' "$$" "$(tty)" >&3
exec 3>&-
shift 2
PATH=$STEWARD_EXEC_PATH
if [ -n "\${STEWARD_EXEC_SHELL+set}" ]; then export SHELL="$STEWARD_EXEC_SHELL"; else unset SHELL; fi
unset STEWARD_EXEC_PATH STEWARD_EXEC_SHELL
exec "$@"
`;

/** What follows `sh -c` to run a command in a terminal. */
export function terminalCommand(
  folder: string,
  command: readonly string[],
  { rows, columns }: TerminalSize,
): readonly string[] {
  const inside = ['/bin/sh', '-c', INSIDE, 'steward-terminal', String(rows), String(columns), ...command];
  return [OUTSIDE, 'steward-exec', folder, TOOLS_PATH, `exec ${inside.map(quoted).join(' ')}`];
}

/** What a terminal says before its command starts; undefined for anything else. */
export function greeting(line: string): { readonly leader: number; readonly path: string } | undefined {
  const [, leader, path] = /^(\d+) (\/dev\/pts\/\d+)\r?$/.exec(line) ?? [];
  return leader === undefined || path === undefined ? undefined : { leader: Number(leader), path };
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
