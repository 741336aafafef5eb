import { join } from 'node:path';
import { StewardError, toStewardError } from '../../errors/steward-error.js';
import { withDeadline } from '../../gateways/deadline.js';
import type { PrebuildInitializer } from '../../gen/content-service-api/initializer.js';
import { GIT_INITIALIZE_DEADLINE_MS } from '../bounds.js';
import { isPlainFolder } from '../checkout-location.js';
import { emptyFolder, isEmptyFolder } from '../folder-entries.js';
import type { GitSetting } from '../git.js';
import { auditCopy } from '../git-audit.js';
import { moveCopy } from '../git-move.js';
import { checkedSnapshotUrl } from '../snapshots.js';
import { CHECKOUTS_MAX } from './bounds.js';
import { cloneInto } from './git.js';
import { credentialsOf, type GitPart, gitPart, requireAllowed } from './git-part.js';
import { measured } from './measured.js';
import type { InitializeContext, Initialized, InitializerPlan } from './plan.js';
import { restoreInto } from './snapshot.js';

/** Where the prepared content is. */
type Source =
  | { readonly kind: 'snapshot'; readonly url: string }
  | { readonly kind: 'volume' }
  | { readonly kind: 'none' };

/**
 * A prebuild, with its working copies moved to where they should be. When it cannot be restored everything is
 * cloned, and the source says so: the tasks that a prebuild spares have to run then.
 */
export function planPrebuild(input: PrebuildInitializer, field: string): InitializerPlan {
  if (input.git.length > CHECKOUTS_MAX) {
    throw new StewardError('invalid-argument', `${field}.git has more than ${CHECKOUTS_MAX} entries`);
  }
  const source = sourceOf(input, field);
  const parts = input.git.map((git, index) => gitPart(git, `${field}.${index}.git`));
  const name = source.kind === 'snapshot' ? `prebuild ${source.url}` : 'no prebuild';
  return {
    kind: 'prebuild',
    description: [name, ...parts.map(({ description }) => description)].join('; '),
    checkoutLocations: [...new Set(parts.map(({ request }) => request.location))],
    run: (context) => run(source, parts, context),
  };
}

function sourceOf({ prebuild }: PrebuildInitializer, field: string): Source {
  if (prebuild?.fromVolumeSnapshot) return { kind: 'volume' };
  if (prebuild === undefined || prebuild.snapshot === '') return { kind: 'none' };
  checkedSnapshotUrl(prebuild.snapshot, `${field}.prebuild.snapshot`);
  return { kind: 'snapshot', url: prebuild.snapshot };
}

async function run(
  source: Source,
  parts: readonly GitPart[],
  context: InitializeContext,
): Promise<Initialized> {
  for (const part of parts) requireAllowed(part, context);
  await requireRoom(source, context);
  const { result, metric } = await measured(context, 'prebuild', () => attempt(source, parts, context));
  return { ...result, metrics: [...result.metrics, metric] };
}

async function attempt(
  source: Source,
  parts: readonly GitPart[],
  context: InitializeContext,
): Promise<Initialized> {
  let restored: Restored;
  try {
    restored = await restore(source, parts, context);
  } catch (error) {
    context.signal.throwIfAborted();
    return cloneAll(parts, toStewardError(error).message, context);
  }
  const moved = await moveAll(restored.copies, context);
  const isOutdated = moved.some(({ isElsewhere }) => isElsewhere);
  return {
    source: isOutdated ? 'from-other' : 'from-prebuild',
    metrics: [],
    warnings: [...restored.warnings, ...moved.flatMap(({ warnings }) => warnings)],
  };
}

interface Restored {
  readonly copies: readonly { readonly part: GitPart; readonly audited: readonly GitSetting[] }[];
  readonly warnings: readonly string[];
}

/** All working copies are looked through before git works in the first one, so that a clone can still take over. */
async function restore(
  source: Source,
  parts: readonly GitPart[],
  context: InitializeContext,
): Promise<Restored> {
  if (source.kind === 'none') throw new StewardError('snapshot-not-found', 'the request names none');
  if (source.kind === 'snapshot') await restoreInto(context, source.url);
  const copies = [];
  const warnings = [];
  for (const part of parts) {
    const { location } = part.request;
    if (await isWorkingCopy(location, context)) {
      copies.push({ part, audited: await auditCopy(location, context) });
    } else warnings.push(`the prebuild has no working copy at ${location === '' ? 'its root' : location}`);
  }
  return { copies, warnings };
}

async function isWorkingCopy(location: string, { folder, world }: InitializeContext): Promise<boolean> {
  if (!(await isPlainFolder(world.files, folder, location))) return false;
  return (await world.files.stat(join(folder, location, '.git')))?.kind === 'directory';
}

async function moveAll(copies: Restored['copies'], context: InitializeContext) {
  const moved = [];
  for (const { part, audited } of copies) {
    const { clock } = context.world;
    const move = async (signal: AbortSignal) => {
      const bounded = { ...context, signal };
      return moveCopy(part.request, audited, await credentialsOf(part, bounded), bounded);
    };
    moved.push(
      await withDeadline(clock, GIT_INITIALIZE_DEADLINE_MS, 'moving the working copy', context.signal, move),
    );
  }
  return moved;
}

async function cloneAll(
  parts: readonly GitPart[],
  why: string,
  context: InitializeContext,
): Promise<Initialized> {
  const { files } = context.world;
  await emptyFolder(files, context.folder);
  const cloned: Initialized[] = [];
  for (const part of parts) cloned.push(await cloneInto(part, { ...context, isShared: cloned.length > 0 }));
  return {
    source: 'from-other',
    metrics: cloned.flatMap(({ metrics }) => metrics),
    warnings: [
      `the prebuild could not be used, so everything was cloned: ${why}`,
      ...cloned.flatMap(({ warnings }) => warnings),
    ],
  };
}

/** What is restored, or cloned instead, would take the place of what earlier initializers have made. */
async function requireRoom(source: Source, { folder, isShared, world }: InitializeContext): Promise<void> {
  if (!isShared || source.kind === 'volume' || (await isEmptyFolder(world.files, folder))) return;
  throw new StewardError(
    'content-initialization-failed',
    'a prebuild fills the whole workspace: list it before the others',
  );
}
