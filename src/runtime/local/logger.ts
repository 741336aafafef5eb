/**
 * Keeps the output of a run in files of a bounded number and size, and outlives us. It runs as who we are, in a
 * folder of its own, and reads the output from its standard input; `$1` is the bytes per file, `$2` how many are
 * kept, `$3` the group of the run's processes (or nothing), the rest the program that copies so many bytes at most,
 * unbuffered.
 *
 * - The n-th file, `n.log`, holds the bytes from n * $1 on; a file that is shorter and not the last one lost what
 *   is missing because the disk was full.
 * - Who it is stands in `logger`. When nobody can write any more, `over` appears, and the group goes if it is empty.
 */
export const LOGGER = `
umask 077
trap '' HUP INT TERM
read -r stat </proc/$$/stat
read -r boot </proc/sys/kernel/random/boot_id
printf '%s %s %s\\n' "$$" "$(set -- \${stat##*) }; shift 19; echo "$1")" "$boot" >logger
bytes=$1 kept=$2 group=$3
shift 3
number=0
while :; do
  if "$@" -c "$bytes" >"$number.log"; then
    [ "$(wc -c <"$number.log")" -ge "$bytes" ] || break
  else
    sleep 1
  fi
  number=$((number + 1))
  [ "$number" -lt "$kept" ] || rm -f "$((number - kept)).log"
done
: >over
[ -n "$group" ] || exit 0
for pause in 0 1 5; do
  sleep "$pause"
  rmdir "$group" 2>/dev/null && break
done
`;
