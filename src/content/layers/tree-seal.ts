import { createHash } from 'node:crypto';
import { StewardError } from '../../errors/steward-error.js';
import { withDeadline } from '../../gateways/deadline.js';
import type { World } from '../../gateways/world.js';
import { recordsOf } from '../lines.js';
import { describeExit, notStarted, PROGRAM_ENVIRONMENT } from '../program.js';
import { LAYER_COPY_DEADLINE_MS, TREE_ENTRY_BYTES } from './bounds.js';

/** What a layer is known by on its own disk. */
export interface TreeSeal {
  readonly entries: number;
  /** What it takes on the disk. */
  readonly bytes: number;
  /** Of name, kind, mode, owner, size, inode, and times of modification and change of every entry, in any order. */
  readonly digest: string;
  /** Whether files have several names. */
  readonly hasLinkedFiles: boolean;
}

/** `find -printf`: a NUL ends each entry, the name is its last field. The last access is left out. */
const FIELDS = '%b %y %m %U %G %s %n %i %T@ %C@ %l\\n%P\\0';
/** Blocks, kind (anything but a folder), mode, owners, size, and a number of names other than one. */
const LINKED_FILE = /^\d+ [^d] \d+ \d+ \d+ \d+ (?!1 )/;
const BYTES_PER_BLOCK = 512;

/**
 * Looks at every entry without reading content: the time of change moves with every write, and nobody but the clock
 * can set it. What it cannot see is a disk that returns other bytes than were written.
 */
export async function sealTree(world: World, folder: string, outer: AbortSignal): Promise<TreeSeal> {
  return withDeadline(world.clock, LAYER_COPY_DEADLINE_MS, 'the look at a layer', outer, async (signal) => {
    const find = world.processes.start({
      program: 'find',
      args: [folder, '-printf', FIELDS],
      env: PROGRAM_ENVIRONMENT,
      signal,
    });
    find.stderr.resume();
    let entries = 0;
    let blocks = 0;
    let hasLinkedFiles = false;
    const sum = Buffer.alloc(32);
    for await (const entry of recordsOf(find.stdout, 0, TREE_ENTRY_BYTES)) {
      entries += 1;
      blocks += Number.parseInt(entry, 10);
      hasLinkedFiles ||= LINKED_FILE.test(entry);
      addInto(
        sum,
        createHash('sha256')
          .update(entry.slice(entry.indexOf(' ')))
          .digest(),
      );
    }
    const exit = await find.exit;
    signal.throwIfAborted();
    if (exit.kind === 'code' && exit.code === 0) {
      return { entries, bytes: blocks * BYTES_PER_BLOCK, digest: sum.toString('hex'), hasLinkedFiles };
    }
    throw notStarted('find', exit) ?? new StewardError('process-failed', `find ${describeExit(exit)}`);
  });
}

/** Addition, unlike exclusive or, does not let an entry that is there twice disappear. */
function addInto(sum: Buffer, more: Buffer): void {
  let carry = 0;
  for (let at = sum.length - 1; at >= 0; at -= 1) {
    const value = (sum[at] ?? 0) + (more[at] ?? 0) + carry;
    sum[at] = value & 0xff;
    carry = value >> 8;
  }
}
