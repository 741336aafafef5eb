import type { World } from '../../gateways/world.js';
import { CONTROLLERS_FILE_BYTES } from '../bounds.js';
import { type Finding, ok, warning } from './check.js';

const CONTROLLERS = '/sys/fs/cgroup/cgroup.controllers';

/** Whether all processes of a workspace can be held together, whatever they fork, and later be limited. */
export async function checkCgroups({ files }: Pick<World, 'files'>, isRoot: boolean): Promise<Finding> {
  const name = 'control groups';
  const found = await files.read(CONTROLLERS, CONTROLLERS_FILE_BYTES).catch(() => undefined);
  const remedy =
    'Processes of a workspace are found by their group and environment instead; limits need version 2';
  if (found === undefined) {
    return warning(
      name,
      'version 2 is not mounted',
      `${remedy}: boot with systemd.unified_cgroup_hierarchy=1.`,
    );
  }
  const controllers = found.toString('utf8').trim();
  if (isRoot) return ok(name, `version 2 (${controllers})`);
  return warning(
    name,
    `version 2 (${controllers}), of another user`,
    `${remedy} and somebody to delegate one.`,
  );
}
