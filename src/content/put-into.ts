import { join } from 'node:path';
import { StewardError } from '../errors/steward-error.js';
import { withDeadline } from '../gateways/deadline.js';
import type { World } from '../gateways/world.js';
import { PLACING_DEADLINE_MS, RESTORE_NAME_BYTES_MAX } from './bounds.js';
import { recordsOf, Tail } from './lines.js';
import { describeExit, notStarted, PROGRAM_ENVIRONMENT } from './program.js';
import type { ContentUser } from './user.js';

/** One file, folder or link of a tree, and where it goes in the content; both relative, with plain names only. */
export interface Placement {
  readonly from: string;
  readonly to: string;
}

/** What was in the way, and where it is now; both relative to the content. */
export interface SetAside {
  readonly path: string;
  readonly keptAs: string;
}

export interface PutOptions {
  /** Who missing folders are for; undefined when everything belongs to us anyway. */
  readonly user: ContentUser | undefined;
  readonly signal: AbortSignal;
}

/**
 * Puts parts of a tree, which nobody else may be able to change, into content that is in use. Each part is copied
 * beside its place first and then renamed, so that it is there whole or not at all; what had its name is kept under
 * another one. Processes of the workspace may swap folders and links meanwhile: every folder is entered once, looked
 * at from inside and then held open, so that nothing is read or written outside the content. Only one at a time may
 * put into the same content. Fails with
 * `path-not-found`, `path-refused` (a link or a mount on the way) or `process-failed`; parts before it stay.
 */
export async function putInto(
  world: World,
  tree: string,
  content: string,
  placements: readonly Placement[],
  options: PutOptions,
): Promise<readonly SetAside[]> {
  for (const { from } of placements) await refuseLinksOnTheWay(world, tree, from);
  return withDeadline(world.clock, PLACING_DEADLINE_MS, 'the copying', options.signal, async (signal) => {
    const placing = new Placing(world, content, { ...options, signal });
    await placing.sweep();
    try {
      await placing.stage(placements.map(({ from }) => join(tree, from)));
      const aside: SetAside[] = [];
      for (const [index, { to }] of placements.entries()) {
        const kept = await placing.place(index, to);
        if (kept !== undefined) aside.push(kept);
      }
      return aside;
    } finally {
      await placing.sweep().catch(() => undefined);
    }
  });
}

/** A part named `a/b` must not be reached through a link `a` of the archive. */
async function refuseLinksOnTheWay(world: World, tree: string, from: string): Promise<void> {
  const parts = from.split('/');
  for (let depth = 1; depth <= parts.length; depth += 1) {
    const part = parts.slice(0, depth).join('/');
    const kind = (await world.files.stat(join(tree, part)))?.kind;
    if (kind === undefined) throw new StewardError('path-not-found', `this version holds no ${from}`);
    if (depth < parts.length && kind !== 'directory') {
      throw new StewardError('path-not-found', `in this version ${part} is no folder`);
    }
  }
}

/** Where copies wait for their place, in the content's root. Never part of an archive. */
export const RESTORE_STAGING = '.steward-restore';

class Placing {
  readonly #world: World;
  readonly #content: string;
  readonly #options: PutOptions;
  readonly #stamp: string;

  constructor(world: World, content: string, options: PutOptions) {
    this.#world = world;
    this.#content = content;
    this.#options = options;
    const time = new Date(world.clock.now()).toISOString().replace(/[-:]|\.\d+/g, '');
    this.#stamp = `.before-restore-${time}-${world.random.uuid().slice(0, 4)}`;
  }

  /** Removes what this and interrupted restores left. `rm` does not let itself be led elsewhere on the way. */
  async sweep(): Promise<void> {
    const args = ['-rf', '--one-file-system', '--', `./${RESTORE_STAGING}`];
    // Also when the caller has left, but not without end: nothing else of the instance goes on meanwhile.
    const { signal } = new AbortController();
    const clear = (inTime: AbortSignal) => this.#run('rm', args, inTime);
    await withDeadline(this.#world.clock, PLACING_DEADLINE_MS, 'the clearing up', signal, clear);
  }

  /** Copies into a folder that only we can enter; each copy is named by its number. */
  async stage(sources: readonly string[]): Promise<void> {
    for (const [index, source] of sources.entries()) {
      await this.#script(STAGE, [RESTORE_STAGING, String(index), source]);
    }
  }

  async place(index: number, to: string): Promise<SetAside | undefined> {
    const parts = to.split('/');
    const name = parts.at(-1) ?? '';
    const folders = parts.slice(0, -1);
    const aside = shortened(name, RESTORE_NAME_BYTES_MAX - this.#stamp.length) + this.#stamp;
    const { user } = this.#options;
    const owner = user === undefined ? '' : `${user.uid}:${user.gid}`;
    const place = [RESTORE_STAGING, String(index), owner, process.execPath, name, aside, ...folders];
    const said = await this.#script(PLACE, place);
    return said === 'kept' ? { path: to, keptAs: [...folders, aside].join('/') } : undefined;
  }

  #script(script: string, args: readonly string[]): Promise<string> {
    return this.#run('sh', ['-euc', script, 'sh', ...args], this.#options.signal);
  }

  /** The last line it wrote. */
  async #run(program: string, args: readonly string[], signal: AbortSignal): Promise<string> {
    const env = PROGRAM_ENVIRONMENT;
    const running = this.#world.processes.start({ program, args, env, cwd: this.#content, signal });
    const complaint = new Tail();
    const [said] = await Promise.all([lastLine(running.stdout), collect(running.stderr, complaint)]);
    const exit = await running.exit;
    this.#options.signal.throwIfAborted();
    const unstarted = notStarted(program, exit);
    if (unstarted !== undefined) throw unstarted;
    if (exit.kind === 'code' && exit.code === 0) return said;
    const why = complaint.toString() || `${program} ${describeExit(exit)}`;
    if (exit.kind === 'code' && exit.code === REFUSED) throw new StewardError('path-refused', why);
    if (complaint.lacksRoom) {
      throw new StewardError('disk-full', `the disk of the content is full: ${why}`);
    }
    throw new StewardError('process-failed', `the content could not be put back: ${why}`);
  }
}

/** Exit code of our scripts for what they do not want to do. */
const REFUSED = 64;

/** Enters one folder below the present one; what was entered is judged from inside, so that no swap can deceive. */
const ENTER = `
refuse() { printf '%s\\n' "$1" >&2; exit ${REFUSED}; }
at=$(pwd -P; printf .)
enter() {
  [ ! -L "./$1" ] || refuse "$1 is a link: nothing is put through it"
  cd -P -- "./$1" 2>/dev/null || refuse "$1 is no folder that can be entered"
  at="\${at%??}/$1
."
  [ "$(pwd -P; printf .)" = "$at" ] || refuse "$1 leads out of the content"
}
`;

/** Arguments: staging folder, number, source. */
const STAGE = `${ENTER}
umask 077
[ -d "./$1" ] || mkdir -- "./$1"
enter "$1"
[ "$(stat -c '%u %a' .)" = "$(id -u) 700" ] || refuse "$1 is not ours"
exec cp -a -T -- "$3" "./$2"
`;

/** Arguments: staging folder, number, owner of new folders, node, name, name of what is in the way, folders to enter. */
const PLACE = `${ENTER}
root=$at
enter "$1"
[ "$(stat -c '%u %a' .)" = "$(id -u) 700" ] || refuse "$1 is not ours"
exec 8<.
device=$(stat -c %d .)
cd ..
[ "$(pwd -P; printf .)" = "$root" ] || refuse "the content was moved"
at=$root number=$2 owner=$3 node=$4 name=$5 aside=$6
shift 6
for folder; do
  if [ ! -e "./$folder" ] && [ ! -L "./$folder" ]; then
    mkdir -m 755 -- "./$folder"
    enter "$folder"
    [ -z "$owner" ] || chown -- "$owner" .
  else
    enter "$folder"
  fi
done
[ "$(stat -c %d .)" = "$device" ] || refuse "something is mounted on the way"
said=new
if [ -e "./$name" ] || [ -L "./$name" ]; then
  # rename(2) and nothing else: mv would copy where it cannot rename, along links that may be swapped meanwhile.
  "$node" -e 'require("node:fs").renameSync(...process.argv.slice(1))' -- "./$name" "./$aside" || refuse "$name cannot be renamed"
  said=kept
fi
mv -T -n -- "/proc/self/fd/8/$number" "./$name"
if [ -e "/proc/self/fd/8/$number" ] || [ -L "/proc/self/fd/8/$number" ]; then
  refuse "$name was made again meanwhile"
fi
printf '%s\\n' "$said"
`;

function shortened(name: string, bytesMax: number): string {
  let text = name;
  while (Buffer.byteLength(text) > bytesMax) text = [...text].slice(0, -1).join('');
  return text;
}

async function lastLine(stream: Parameters<typeof recordsOf>[0]): Promise<string> {
  let last = '';
  for await (const line of recordsOf(stream)) last = line;
  return last;
}

async function collect(stream: Parameters<typeof recordsOf>[0], tail: Tail): Promise<void> {
  for await (const line of recordsOf(stream)) tail.add(line);
}
