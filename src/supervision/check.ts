import { StewardError } from '../errors/steward-error.js';
import { backoffOf } from './backoff.js';
import type { Backoff, ChildSpec, SupervisorSpec } from './spec.js';

/**
 * Refuses what the types refuse, for specifications that did not pass through the compiler, and numbers out of
 * range. Throws `invalid-argument` naming the supervisor or child by its path.
 */
export function checkSupervisor(path: string, spec: SupervisorSpec): void {
  if (spec.intensity !== undefined) {
    requireThat(
      wholeFromZero(spec.intensity.restarts),
      path,
      'intensity.restarts must be a whole number from 0',
    );
    requireThat(spec.intensity.periodMs > 0, path, 'intensity.periodMs must be above 0');
  }
  checkBackoff(path, backoffOf(spec.backoff));
  if (spec.strategy === 'dynamic') {
    const { maxChildren = 0 } = spec;
    requireThat(wholeFromZero(maxChildren), path, 'maxChildren must be a whole number from 0');
    return;
  }
  const names = new Set<string>();
  for (const child of spec.children) {
    requireThat(!names.has(child.name), path, `has two children named ${JSON.stringify(child.name)}`);
    names.add(child.name);
    checkChild(path, child, spec.autoShutdown);
  }
}

/** The same for one child of the supervisor at `path`. */
export function checkChild(
  path: string,
  child: ChildSpec,
  autoShutdown: SupervisorSpec['autoShutdown'],
): void {
  requireThat(child.name !== '' && !child.name.includes('/'), path, 'needs children with names without "/"');
  const childPath = `${path}/${child.name}`;
  if (child.significant === true) {
    const never = autoShutdown === undefined || autoShutdown === 'never';
    requireThat(!never, childPath, 'cannot be significant: its supervisor never shuts down by itself');
    requireThat(!isPermanent(child), childPath, 'cannot be permanent and significant: it always comes back');
  }
  const { shutdown } = child;
  const known = shutdown === undefined || shutdown === 'infinity' || shutdown === 'brutal-kill';
  requireThat(
    known || (typeof shutdown === 'number' && shutdown >= 0),
    childPath,
    'needs a shutdown of 0 ms or more',
  );
  if (child.kind === 'supervisor') checkSupervisorChild(childPath, child);
}

function checkSupervisorChild(path: string, child: ChildSpec & { readonly kind: 'supervisor' }): void {
  const byItself = (child.supervisor.autoShutdown ?? 'never') !== 'never';
  requireThat(!byItself || !isPermanent(child), path, 'cannot be permanent: it shuts down by itself');
  checkSupervisor(path, child.supervisor);
}

function checkBackoff(path: string, backoff: Backoff): void {
  requireThat(
    backoff.initialMs >= 0 && backoff.maxMs >= backoff.initialMs,
    path,
    'needs 0 ≤ initialMs ≤ maxMs',
  );
  requireThat(backoff.factor >= 1, path, 'needs a back-off factor of 1 or more');
  requireThat(backoff.jitter >= 0 && backoff.jitter <= 1, path, 'needs a back-off jitter from 0 to 1');
}

/** Through a wider type, since the compiler already knows that a typed significant child is not permanent. */
function isPermanent(child: { readonly restart: string }): boolean {
  return child.restart === 'permanent';
}

function wholeFromZero(value: number): boolean {
  return Number.isInteger(value) && value >= 0;
}

function requireThat(holds: boolean, path: string, problem: string): void {
  if (!holds) throw new StewardError('invalid-argument', `supervisor ${path}: ${problem}`);
}
