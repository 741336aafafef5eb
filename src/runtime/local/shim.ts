/**
 * Runs a workspace's command and outlives us. It starts in the run's own folder as the leader of a new process
 * group; `$1` is the command's folder, `$2` the PATH for its own tools, `$3` the name of this start, the rest the
 * command.
 *
 * - It does nothing before it is let go, by a line on its standard input: until then it may be put in its place.
 * - Who it is goes into `identity` before anything else, by a link, which exactly one of several shims (or the
 *   tombstone of a stop) can make: a second start finds the place taken and ends.
 * - A signal to the group reaches the command; the shim only notes it, so that the exit code is still written.
 * - The exit code appears in `exit` whole and on disk, or not at all. A full disk is waited for, up to a minute.
 * - At last it kills what is left of its group, itself included.
 */
export const SHIM = `
read -r _steward_line || exit 70
_steward_path=$PATH
PATH=$2
umask 077
read -r _steward_stat </proc/$$/stat || exit 70
read -r _steward_boot </proc/sys/kernel/random/boot_id || exit 70
_steward_ticks=$(set -- \${_steward_stat##*) }; shift 19; echo "$1")
printf '%s %s %s %s\\n' "$$" "$_steward_ticks" "$_steward_boot" "$3" >"identity.$$" || exit 70
if ! ln "identity.$$" identity 2>/dev/null; then
  rm -f "identity.$$"
  [ -e identity ] && exit 0
  exit 70
fi
rm -f "identity.$$"
trap : HUP INT TERM
(
  umask 022
  cd -- "$1" || exit 126
  PATH=$_steward_path
  shift 3
  exec "$@"
) </dev/null
_steward_status=$?
_steward_tries=0
until printf '%s\\n' "$_steward_status" >exit.part && { sync exit.part || sync; } && mv exit.part exit; do
  _steward_tries=$((_steward_tries + 1))
  [ "$_steward_tries" -lt 60 ] || break
  sleep 1
done 2>/dev/null
kill -s KILL 0
`;
