import { join } from 'node:path';
import { StewardError } from '../../errors/steward-error.js';
import { withDeadline } from '../../gateways/deadline.js';
import type { GitInitializer } from '../../gen/content-service-api/initializer.js';
import { GIT_INITIALIZE_DEADLINE_MS } from '../bounds.js';
import { isPlainFolder } from '../checkout-location.js';
import { isEmptyFolder } from '../folder-entries.js';
import { clone } from '../git-clone.js';
import { credentialsOf, type GitPart, gitPart, requireAllowed } from './git-part.js';
import { measured } from './measured.js';
import type { InitializeContext, Initialized, InitializerPlan } from './plan.js';

/** Clones a repository and checks out what is asked for. */
export function planGit(input: GitInitializer, field: string): InitializerPlan {
  const part = gitPart(input, field);
  return {
    kind: 'git',
    description: part.description,
    checkoutLocations: [part.request.location],
    run: (context) => cloneInto(part, context),
  };
}

/** A working copy that an earlier initializer has made is left as it is. */
export async function cloneInto(part: GitPart, context: InitializeContext): Promise<Initialized> {
  requireAllowed(part, context);
  if (context.isShared && (await isTaken(part, context))) {
    return { source: 'from-other', metrics: [], warnings: [] };
  }
  context.onProgress?.({ step: 'cloning', bytes: 0 });
  const { result, metric } = await measured(context, 'git', () =>
    withDeadline(
      context.world.clock,
      GIT_INITIALIZE_DEADLINE_MS,
      'the clone',
      context.signal,
      async (signal) =>
        clone(part.request, await credentialsOf(part, { ...context, signal }), { ...context, signal }),
    ),
  );
  return { source: 'from-other', metrics: [metric], warnings: result };
}

/** Whether the working copy is there already. A clone empties its folder, so anything else there is in its way. */
async function isTaken(part: GitPart, { folder, world }: InitializeContext): Promise<boolean> {
  const { location } = part.request;
  const path = join(folder, location);
  if ((await world.files.stat(path)) === undefined) return false;
  if (!(await isPlainFolder(world.files, folder, location))) {
    throw inTheWay(part, 'is not a folder, or lies behind a link');
  }
  if ((await world.files.stat(join(path, '.git')))?.kind === 'directory') return true;
  if (await isEmptyFolder(world.files, path)) return false;
  throw inTheWay(part, 'has content of an earlier initializer: clone first');
}

function inTheWay({ request }: GitPart, problem: string): StewardError {
  const where = request.location === '' ? 'the workspace' : request.location;
  return new StewardError('content-initialization-failed', `${where} ${problem}`);
}
