import { TASK_LOG_BYTES_MAX } from '../bounds.js';
import type { Task } from '../workspace-runtime.js';

/**
 * Runs all tasks at the same time, each from the variable `STEWARD_TASK_<n>`, and ends with the code of the first
 * (in their order) that failed. `$1` is the content, `$2` the most bytes of a log, the rest their names. What a task
 * says goes to our own output and, its first bytes, to `.gitpod/prebuild-log-<name>` in the content.
 */
const RUN_TASKS = `
content=$1 bytes=$2
shift 2
mkdir -p "$content/.gitpod"
task() {
  exec 4>&1
  code=$(
    {
      {
        (
          eval "script=\\$STEWARD_TASK_$2"
          number=0
          while [ "$number" -lt "$3" ]; do
            unset "STEWARD_TASK_$number"
            number=$((number + 1))
          done
          unset content bytes code number
          eval "$script"
        ) 2>&1 3>&- 4>&- </dev/null
        echo "$?" >&3
      } | { tee -p /dev/fd/4 | head -c "$bytes" >"$content/.gitpod/prebuild-log-$1"; } 3>&-
    } 3>&1 >/dev/null
  )
  exit "$code"
}
number=0 started=
for name; do
  (task "$name" "$number" "$#") &
  started="$started $!"
  number=$((number + 1))
done
result=0
for one in $started; do
  wait "$one"
  code=$?
  [ "$result" -ne 0 ] || result=$code
done
exit "$result"
`;

/** The command that runs them, and what its environment has to have besides. */
export function runTasks(
  shell: string,
  contentFolder: string,
  tasks: readonly Task[],
): { readonly command: readonly string[]; readonly env: Readonly<Record<string, string>> } {
  const names = tasks.map(({ name }) => name);
  return {
    command: [shell, '-c', RUN_TASKS, 'steward-tasks', contentFolder, String(TASK_LOG_BYTES_MAX), ...names],
    env: Object.fromEntries(tasks.map(({ script }, index) => [`STEWARD_TASK_${index}`, script])),
  };
}
