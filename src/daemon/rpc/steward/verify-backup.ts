import type { Progress, WorkOptions } from '../../../content/archive-objects.js';
import type { BackupRepository } from '../../../content/backups.js';
import type { BackupManifest } from '../../../content/manifest.js';
import type { Proof } from '../../../content/proof.js';
import { StewardError } from '../../../errors/steward-error.js';
import type {
  RestoreProof,
  VerifyBackupRequest,
  VerifyBackupResponse,
} from '../../../gen/steward/v1/content_service.js';
import type { CallContext } from '../../../grpc/service-types.js';
import { nonNegative } from '../../../grpc/validation.js';
import { backupsOf, type Of, type VersionsContext } from './options.js';
import { progressing } from './progressing.js';
import { workspaceIn } from './requests.js';
import { inScratch } from './scratch.js';
import { Transfer } from './transfer.js';
import { wireBackup } from './wire-backup.js';

/**
 * Reads every byte of a version back, and with `drill` restores it where nobody reaches it and compares. Waits for
 * a turn among the set-ups of the node. Fails with `backup-failed` or `archive-damaged` (both DATA_LOSS).
 */
export async function* verifyBackup(
  context: VersionsContext,
  request: VerifyBackupRequest,
  call: CallContext,
): AsyncGenerator<VerifyBackupResponse> {
  const { clock } = context.place.world;
  const of = workspaceIn(request);
  const generation = nonNegative(request.generation, 'generation');
  const backups = backupsOf(context, of);
  const manifest = await named(backups, of, generation, call.signal);
  const url = backups.urlOf(manifest.generation);
  const work = (signal: AbortSignal, transfer: Transfer) =>
    context.core.queues.run(
      'setup',
      signal,
      async (inTurn) => {
        const onProgress = (progress: Progress) => transfer.on(progress);
        const options = { signal: inTurn, onProgress };
        if (request.drill) return drill(context, backups, manifest, options);
        await backups.verify(manifest, options);
        return undefined;
      },
      { onQueued: () => transfer.queued() },
    );
  const tellings = progressing(clock, call.signal, (signal, tell) =>
    work(signal, new Transfer(url, manifest, tell)),
  );
  for await (const told of tellings) {
    if (told.kind === 'progress') {
      yield { event: { $case: 'progress', value: told.progress }, proof: undefined };
      continue;
    }
    context.verified.note(of, manifest.generation, clock.now());
    yield { event: { $case: 'verified', value: wireBackup(context, of, manifest) }, proof: told.result };
  }
}

async function named(
  backups: BackupRepository,
  of: Of,
  generation: number,
  signal: AbortSignal,
): Promise<BackupManifest> {
  if (generation > 0) return backups.read(generation, signal);
  const newest = await backups.latest(signal);
  if (newest !== undefined) return newest;
  throw new StewardError('backup-not-found', `workspace ${of.workspace} has no backup`);
}

async function drill(
  context: VersionsContext,
  backups: BackupRepository,
  manifest: BackupManifest,
  options: WorkOptions,
): Promise<RestoreProof> {
  const { clock } = context.place.world;
  const startedAt = clock.monotonic();
  return inScratch(context, async (folder) => {
    const proof = await backups.prove(manifest, folder, options);
    return { ...told(proof), durationMs: BigInt(Math.round(clock.monotonic() - startedAt)) };
  });
}

function told(proof: Proof): Omit<RestoreProof, 'durationMs'> {
  switch (proof.kind) {
    case 'proven': {
      const { entries, bytes } = proof.tree;
      return { entries: BigInt(entries), bytes: BigInt(bytes), compared: true, remark: '' };
    }
    case 'restored':
      return { entries: 0n, bytes: 0n, compared: false, remark: proof.why };
    case 'different':
      throw new StewardError('archive-damaged', `it restores, but not what was there: ${proof.why}`);
  }
}
