import { basename, join } from 'node:path';
import { StewardError } from '../errors/steward-error.js';
import type { ProcessCommand, ProcessExit } from '../gateways/processes.js';
import type { World } from '../gateways/world.js';
import { recordsOf, Tail } from './lines.js';
import { describeExit, PROGRAM_ENVIRONMENT } from './program.js';
import { unquoted } from './tar-messages.js';

/** Tells of every folder its name and its extended attributes; no content is read. */
const LIST = [
  'find . -type d -print0 |',
  'tar --create --file=- --format=pax --null --no-recursion --files-from=- --numeric-owner',
  '--xattrs "--xattrs-include=*" "--xattrs-exclude=trusted.*" --xattrs-exclude=security.selinux |',
  'tar --list --file=- --xattrs --numeric-owner --quoting-style=c -vvv',
].join(' ');

/** Puts what is in a folder into a new one, which takes its place. */
const RENEW = [
  'new=$(mktemp -d ./.renewed-XXXXXXXXXX) || exit 255',
  'find "$1" -mindepth 1 -maxdepth 1 -exec mv -t "$new" -- {} + || exit 255',
  'rmdir -- "$1" && mv -T -- "$new" "$1" || exit 255',
].join('\n');

/** Everything goes one folder up. */
const LIFT = [
  'find . -mindepth 1 -maxdepth 1 -exec mv -t "$1" -- {} + || exit 255',
  'cd -P -- "$1" && rmdir -- "$2" || exit 255',
].join('\n');

/**
 * Where all but the last archive of a chain are restored: `inner`, a new folder in the one they are for, which
 * `liftInner` takes away again. tar gives a folder the attributes it has in an archive and takes none away, and the
 * content's root cannot be made new: so it gets those of the last archive only. Where the programs for that are
 * missing, the same folder.
 */
export async function innerFolder({ files, processes, random }: World, folder: string): Promise<string> {
  if ((await processes.find('xargs')) === undefined) return folder;
  const inner = join(folder, `.restoring-${random.uuid()}`);
  await files.makeDirectory(inner, 0o700);
  return inner;
}

/** Puts what is in an inner folder where it is for. Nothing else may be at work in there. */
export async function liftInner(
  world: World,
  inner: string,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  if (inner === folder) return;
  const args = ['-c', LIFT, 'lift', folder, basename(inner)];
  await run(world, { env: PROGRAM_ENVIRONMENT, cwd: inner, signal, program: 'sh', args });
}

/**
 * Before the last increment of a chain goes over a folder: makes folders that have extended attributes new ones.
 * tar gives a folder the attributes it has in the increment and takes none away; every increment holds every folder
 * with its owner, mode, times and attributes. Nothing else may be at work in there.
 */
export async function renewMarkedFolders(world: World, folder: string, signal: AbortSignal): Promise<void> {
  if ((await world.processes.find('xargs')) === undefined) return;
  const command = { env: PROGRAM_ENVIRONMENT, cwd: folder, signal };
  const names: Buffer[] = [];
  let name = './';
  await run(world, { ...command, program: 'sh', args: ['-c', LIST] }, (line) => {
    if (/^ {2}x: \d+ /.test(line)) names.push(unquoted(name));
    else name = /"(?:[^"\\]|\\.)*"$/.exec(line)?.[0] ?? name;
  });
  const marked = names.filter((one, index) => !one.equals(ROOT) && names[index - 1]?.equals(one) !== true);
  if (marked.length === 0) return;
  const input = Buffer.concat(marked.flatMap((one) => [one.subarray(0, -1), Buffer.from([0])]));
  await run(world, {
    ...command,
    program: 'xargs',
    args: ['-0', '-n', '1', 'sh', '-c', RENEW, 'renew'],
    input,
  });
}

const ROOT = Buffer.from('./');

async function run(world: World, command: ProcessCommand, onLine?: (line: string) => void): Promise<void> {
  const running = world.processes.start(command);
  const complaint = new Tail();
  const listening = (async () => {
    for await (const line of recordsOf(running.stderr)) complaint.add(line);
  })();
  // What goes wrong with both is told once.
  listening.catch(() => undefined);
  for await (const line of recordsOf(running.stdout)) onLine?.(line);
  await listening;
  const exit = await running.exit;
  command.signal?.throwIfAborted();
  if (!isWell(exit)) {
    if (complaint.lacksRoom) {
      throw new StewardError('disk-full', `the disk of the content is full: ${complaint.toString()}`);
    }
    const why = complaint.toString() || `${command.program} ${describeExit(exit)}`;
    throw new StewardError('process-failed', `the folders' attributes could not be restored: ${why}`);
  }
}

function isWell(exit: ProcessExit): boolean {
  return exit.kind === 'code' && exit.code === 0;
}
