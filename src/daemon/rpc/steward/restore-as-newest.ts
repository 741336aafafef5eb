import { StewardError } from '../../../errors/steward-error.js';
import type { CallContext } from '../../../grpc/service-types.js';
import { ownedInstanceOf } from './live-instance.js';
import type { Restored, Restoring } from './restoring.js';
import { tellStoredChange } from './stored-history.js';

/** The version becomes the newest one, which the next instance starts from. Its archives are shared. */
export async function promoted(restoring: Restoring, call: CallContext): Promise<Restored> {
  const { context, of, backups, manifest, signal } = restoring;
  const living = ownedInstanceOf(context, of);
  if (living !== undefined) {
    throw new StewardError(
      'workspace-busy',
      `instance ${living} of this workspace is here, and its next backup would be newer; restore into it, or stop it first`,
    );
  }
  const newest = await backups.promote(manifest.generation, signal);
  const detail = `version ${manifest.generation} became version ${newest.generation}`;
  const { instance } = manifest;
  tellStoredChange(context, call, { instance, to: 'newest', cause: 'RestoreBackup', detail });
  return { manifest: newest, aside: [] };
}
