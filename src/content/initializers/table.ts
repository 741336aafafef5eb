import { StewardError } from '../../errors/steward-error.js';
import type { WorkspaceInitializer } from '../../gen/content-service-api/initializer.js';
import { planBackup } from './backup.js';
import { INITIALIZER_DEPTH_MAX, INITIALIZERS_MAX } from './bounds.js';
import { planComposite } from './composite.js';
import { planDownload } from './download.js';
import { planEmpty } from './empty.js';
import { planGit } from './git.js';
import type { InitializerPlan } from './plan.js';
import { planPrebuild } from './prebuild.js';
import { planSnapshot } from './snapshot.js';

/**
 * Checks an initializer, touching nothing. Fails with `invalid-argument` and the field for bad input. Secrets need
 * not be there yet.
 */
export function planOf(initializer: WorkspaceInitializer): InitializerPlan {
  requireSmall(initializer);
  return planAt(initializer, 'initializer');
}

function planAt(initializer: WorkspaceInitializer, place: string): InitializerPlan {
  const { spec } = initializer;
  switch (spec?.$case) {
    case 'empty':
      return planEmpty();
    case 'git':
      return planGit(spec.value, `${place}.git`);
    case 'snapshot':
      return planSnapshot(spec.value, place);
    case 'prebuild':
      return planPrebuild(spec.value, `${place}.prebuild`);
    case 'composite':
      return planComposite(
        spec.value.initializer.map((child, index) => planAt(child, `${place}.composite.${index}`)),
      );
    case 'download':
      return planDownload(spec.value, `${place}.download`);
    case 'backup':
      return planBackup(spec.value, place);
    case undefined:
      throw new StewardError(
        'invalid-argument',
        `${place} has nothing set: set one of empty, git, snapshot, prebuild, composite, download, backup`,
      );
  }
}

/** Goes down level by level, so that a tree of any depth is looked at without trusting the stack. */
function requireSmall(initializer: WorkspaceInitializer): void {
  let level: readonly WorkspaceInitializer[] = [initializer];
  let count = 0;
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > INITIALIZER_DEPTH_MAX) {
      throw new StewardError(
        'invalid-argument',
        `initializer has more than ${INITIALIZER_DEPTH_MAX} composites one inside the other`,
      );
    }
    level = level.flatMap(({ spec }) => (spec?.$case === 'composite' ? spec.value.initializer : []));
    count += level.length;
    if (count > INITIALIZERS_MAX) {
      throw new StewardError('invalid-argument', `initializer has more than ${INITIALIZERS_MAX} parts`);
    }
  }
}
