import { dirname, join, posix } from 'node:path';
import { RESTORE_PARTS_MAX } from '../../../content/bounds.js';
import { type Placement, putInto, type SetAside } from '../../../content/put-into.js';
import { READY_MARKER } from '../../../content/ready-marker.js';
import { syncFolder } from '../../../content/sync-folder.js';
import { StewardError } from '../../../errors/steward-error.js';
import type { RestoreIntoInstance } from '../../../gen/steward/v1/content_service.js';
import type { CallContext } from '../../../grpc/service-types.js';
import { requiredInstanceId } from '../../../grpc/validation.js';
import type { Instance } from '../../instance/instance.js';
import { wrongState } from '../answers.js';
import { plainPath } from './requests.js';
import { type Restored, type Restoring, unpack } from './restoring.js';
import { inScratch } from './scratch.js';
import { tellStoredChange } from './stored-history.js';

/**
 * Puts a version, or paths out of it, into content in use, which may be another workspace's of the same owner.
 * It is unpacked where no workspace reaches it; only the copying into the content takes its turn among the
 * instance's own effects, so that no backup sees half of it, and is given up when the instance is to stop.
 */
export async function restoreIntoInstance(
  restoring: Restoring,
  target: RestoreIntoInstance,
  call: CallContext,
): Promise<Restored> {
  const { context, manifest, signal } = restoring;
  const id = requiredInstanceId(target.instanceId, 'into_instance.instance_id');
  const below = target.path === '' ? '' : plainPath(target.path, 'into_instance.path');
  const instance = await context.core.instances.listening(id, 'job', signal);
  requireAvailable(instance);
  if (instance.identity.owner !== restoring.of.owner) {
    throw new StewardError('permission-denied', `instance ${id} belongs to somebody else than this version`);
  }
  return inScratch(context, async (tree) => {
    await unpack(restoring, tree);
    const wanted = restoring.paths.length > 0 ? restoring.paths : await namesIn(restoring, tree);
    const placements = await besideTheMarker(
      restoring,
      tree,
      wanted.map((from) => ({ from, to: placeOf(from, below) })),
    );
    requireDistinct(placements);
    const aside = await place(restoring, instance, tree, placements);
    const what = restoring.paths.length === 0 ? 'all' : `${wanted.length} paths`;
    const detail = `${what} of version ${manifest.generation} of ${restoring.of.workspace} put into the content`;
    tellStoredChange(context, call, { instance: id, to: 'restored', cause: 'RestoreBackup', detail });
    return { manifest, aside };
  });
}

async function place(
  { context, signal, transfer }: Restoring,
  instance: Instance,
  tree: string,
  placements: readonly Placement[],
): Promise<readonly SetAside[]> {
  const { world, user } = context.place;
  const content = context.area.contentOf(instance.identity.instance);
  return whileAvailable(instance, signal, (available) =>
    instance.lane.run(async (inTurn) => {
      requireAvailable(instance);
      transfer.copying();
      const aside = await putInto(world, tree, content, placements, { user, signal: inTurn });
      await syncFolder(world, content, inTurn);
      return aside;
    }, available),
  );
}

/** Runs `work` under a signal that also aborts when the content is not in use any more. */
async function whileAvailable<Result>(
  instance: Instance,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const leaving = new AbortController();
  const leave = () => leaving.abort(signal.reason);
  signal.addEventListener('abort', leave, { once: true });
  if (signal.aborted) leave();
  const watching = instance.waitFor(
    (view) =>
      view.state === 'AVAILABLE' ? undefined : wrongState(view, 'the content is not in use any more'),
    leaving.signal,
  );
  watching.then(
    (reason) => leaving.abort(reason),
    (reason: unknown) => leaving.abort(reason),
  );
  try {
    return await work(leaving.signal);
  } finally {
    signal.removeEventListener('abort', leave);
    leaving.abort(new StewardError('cancelled', 'it is done'));
  }
}

function requireAvailable({ view }: Instance): void {
  if (view.state !== 'AVAILABLE') throw wrongState(view, 'only content in use can be restored into');
}

async function namesIn({ context }: Restoring, folder: string): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { name } of context.place.world.files.entries(folder)) {
    names.push(name);
    if (names.length <= RESTORE_PARTS_MAX) continue;
    throw new StewardError(
      'invalid-argument',
      `this version holds more than ${RESTORE_PARTS_MAX} names in one folder: say which paths are wanted`,
    );
  }
  return names;
}

/**
 * The folder with the marker that tells the inside that its content is ready stays where it is, because no version
 * holds the marker: what a version has of that folder is put into it.
 */
async function besideTheMarker(
  restoring: Restoring,
  tree: string,
  placements: readonly Placement[],
): Promise<readonly Placement[]> {
  const { files } = restoring.context.place.world;
  const all: Placement[] = [];
  for (const placement of placements) {
    const { from, to } = placement;
    const source = join(tree, from);
    if (to !== dirname(READY_MARKER) || (await files.stat(source))?.kind !== 'directory') all.push(placement);
    else
      for (const name of await namesIn(restoring, source))
        all.push({ from: `${from}/${name}`, to: `${to}/${name}` });
  }
  return all;
}

/** Each to its own place, or all of them into one folder. */
function placeOf(from: string, below: string): string {
  return below === '' ? from : posix.join(below, posix.basename(from));
}

function requireDistinct(placements: readonly Placement[]): void {
  if (new Set(placements.map(({ to }) => to)).size === placements.length) return;
  throw new StewardError('invalid-argument', 'paths with the same name cannot go into one folder together');
}
