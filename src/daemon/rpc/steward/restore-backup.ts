import { StewardError } from '../../../errors/steward-error.js';
import type { RestoreBackupRequest, RestoreBackupResponse } from '../../../gen/steward/v1/content_service.js';
import type { CallContext } from '../../../grpc/service-types.js';
import { requiredMessage } from '../../../grpc/validation.js';
import { KEPT_ASIDE_SHOWN_MAX } from '../../bounds.js';
import { backupsOf, type VersionsContext } from './options.js';
import { progressing } from './progressing.js';
import { pathsIn, requiredGeneration, workspaceIn } from './requests.js';
import { promoted } from './restore-as-newest.js';
import { restoreIntoFolder } from './restore-into-folder.js';
import { restoreIntoInstance } from './restore-into-instance.js';
import type { Restored, Restoring } from './restoring.js';
import { Transfer } from './transfer.js';
import { wireBackup } from './wire-backup.js';

/** Brings a version or a part of it back: as the newest one, for a look, or into content in use. */
export async function* restoreBackup(
  context: VersionsContext,
  request: RestoreBackupRequest,
  call: CallContext,
): AsyncGenerator<RestoreBackupResponse> {
  const of = workspaceIn(request);
  const generation = requiredGeneration(request.generation);
  const paths = pathsIn(request.paths, 'paths');
  const target = requiredMessage(request.target, 'target');
  if (target.$case === 'asNewest' && paths.length > 0) {
    throw new StewardError('invalid-argument', 'paths cannot be restored as the newest version');
  }
  const backups = backupsOf(context, of);
  const manifest = await backups.read(generation, call.signal);
  const url = backups.urlOf(generation);
  const work = progressing(context.place.world.clock, call.signal, (signal, tell): Promise<Restored> => {
    const restoring: Restoring = {
      ...{ context, of, backups, manifest, paths, signal },
      transfer: new Transfer(url, manifest, tell),
    };
    switch (target.$case) {
      case 'asNewest':
        return promoted(restoring, call);
      case 'intoFolder':
        return restoreIntoFolder(restoring, target.value.path);
      case 'intoInstance':
        return restoreIntoInstance(restoring, target.value, call);
    }
  });
  for await (const told of work) {
    if (told.kind === 'progress') {
      yield { event: { $case: 'progress', value: told.progress }, keptAside: [], keptAsideTotal: 0n };
      continue;
    }
    const { manifest: restored, aside } = told.result;
    yield {
      event: { $case: 'restored', value: wireBackup(context, of, restored) },
      keptAside: aside.slice(0, KEPT_ASIDE_SHOWN_MAX).map(({ path, keptAs }) => ({ path, keptAs })),
      keptAsideTotal: BigInt(aside.length),
    };
  }
}
