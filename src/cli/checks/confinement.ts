import type { World } from '../../gateways/world.js';
import { probeConfinement } from '../../isolation/probe.js';
import { type Finding, ok, warning } from './check.js';

/** Whether git, downloads and archives can be kept to the one workspace they work on. */
export async function checkConfinement(world: World): Promise<Finding> {
  const name = 'confinement';
  const found = await probeConfinement(world);
  if (found.kind === 'confined') {
    const how = found.mode === 'root' ? 'mount and process namespaces' : 'a user namespace';
    return ok(name, `set-ups see their own workspace only (${how})`);
  }
  return warning(
    name,
    `not possible: ${found.why}`,
    'Set-ups run git as the content’s user without namespaces: install util-linux and allow unshare and mount.',
  );
}
