import { dirname, join } from 'node:path';
import type { Files } from '../gateways/files.js';

/** What of the machine a confined program finds: programs, libraries, settings, names of hosts, a few devices. */
export interface Surroundings {
  /** Shown as they are, not to be written to. */
  readonly folders: readonly string[];
  /** Links to such folders, as systems with a merged /usr have them. */
  readonly links: readonly string[];
  readonly files: readonly string[];
}

const FOLDERS = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/etc', '/nix/store'];
const DEVICES = ['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom'];
const RESOLVER = '/etc/resolv.conf';
/** Links followed from one name to the next. */
const LINKS_FOLLOWED = 8;

export async function surroundingsOf(files: Files): Promise<Surroundings> {
  const folders: string[] = [];
  const links: string[] = [];
  for (const folder of FOLDERS) {
    const kind = (await files.stat(folder))?.kind;
    if (kind === 'directory') folders.push(folder);
    if (kind === 'symlink') links.push(folder);
  }
  const devices: string[] = [];
  for (const device of DEVICES) if ((await files.stat(device)) !== undefined) devices.push(device);
  const resolver = await resolverFolder(files);
  return { folders: [...folders, ...resolver], links, files: devices };
}

/** Where the names of hosts are looked up often lies in /run: without it git finds no server. */
async function resolverFolder(files: Files): Promise<readonly string[]> {
  let path = RESOLVER;
  for (let followed = 0; followed < LINKS_FOLLOWED; followed += 1) {
    const kind = (await files.stat(path))?.kind;
    if (kind === 'file')
      return FOLDERS.some((folder) => path.startsWith(`${folder}/`)) ? [] : [dirname(path)];
    if (kind !== 'symlink') return [];
    path = join(dirname(path), await files.readlink(path)).replace(/^\/etc\/etc\//, '/etc/');
  }
  return [];
}

/**
 * Makes the new root at /sys, which exists everywhere and which no program here needs, in the new mount namespace
 * and nobody else's, and goes on in it: arguments are the folder to work in, links, folders, files, mounts, KiB
 * of memory, and then the program. Lists are lines. The root itself ends up as something that can only be read. The shell stays,
 * as the first process: it is out of the program's reach, which could leave the group and drop the signal it gets
 * with the daemon's end, and when it ends all others do.
 */
export const ENTER_SCRIPT = `
set -ef
umask 022
wd=$1 links=$2 folders=$3 files=$4 mounts=$5 memory=$6
shift 6
mount -n -t tmpfs -o mode=755,size=1m,nr_inodes=1k,nosuid tmpfs /sys
cd /sys
IFS='
'
[ -z "$links" ] || cp -dR $links .
mkdir -p $folders
for file in $files; do : > "$file"; done
printf '%s\\n' "$mounts" > .mounts
mount -n -a -T /sys/.mounts
mount -n -o remount,bind,ro,nosuid /sys
ulimit -d "$memory"
unshare --root=/sys --wd="$wd" -- "$@" || exit $?
`;
