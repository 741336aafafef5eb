import { StewardError } from '../../errors/steward-error.js';
import type { WorkspaceInitializer } from '../../gen/content-service-api/initializer.js';
import { planBackup } from './backup.js';
import { planEmpty } from './empty.js';
import { planGit } from './git.js';
import type { InitializerPlan } from './plan.js';
import { planSnapshot } from './snapshot.js';

/**
 * Checks an initializer, touching nothing. Fails with `invalid-argument` and the field for bad input, with
 * `not-implemented` for kinds this version does not offer. Secrets need not be there yet.
 */
export function planOf(initializer: WorkspaceInitializer): InitializerPlan {
  const { spec } = initializer;
  switch (spec?.$case) {
    case 'empty':
      return planEmpty();
    case 'git':
      return planGit(spec.value);
    case 'snapshot':
      return planSnapshot(spec.value);
    case 'backup':
      return planBackup(spec.value);
    case 'prebuild':
    case 'composite':
    case 'download':
      throw new StewardError('not-implemented', `initializer.${spec.$case} is not offered by this version`);
    case undefined:
      throw new StewardError(
        'invalid-argument',
        'initializer has nothing set: set one of empty, git, snapshot, backup',
      );
  }
}
