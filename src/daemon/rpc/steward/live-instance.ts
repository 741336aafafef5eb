import type { Instance } from '../../instance/instance.js';
import type { Of, StewardContentOptions } from './options.js';

/** The instance of a workspace that has an actor on this node now; undefined without one. */
export function liveInstanceOf({ core }: StewardContentOptions, of: Of): Instance | undefined {
  const owned = ownedInstanceOf({ core }, of);
  return owned === undefined ? undefined : core.instances.find(owned);
}

/** The instance of a workspace that is not gone from this node; parked ones count. */
export function ownedInstanceOf({ core }: Pick<StewardContentOptions, 'core'>, { owner, workspace }: Of) {
  for (const identity of core.instances.identities()) {
    if (identity.owner === owner && identity.workspace === workspace) return identity.instance;
  }
  return undefined;
}
