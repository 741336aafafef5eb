import { catalog } from '../../../errors/catalog.js';
import { isErrorCode } from '../../../errors/steward-error.js';
import type {
  Drill,
  ListDrillsRequest,
  ListDrillsResponse,
} from '../../../gen/steward/v1/content_service.js';
import { optionalText } from '../../../grpc/validation.js';
import type { DrillRecord, StewardContentOptions } from './options.js';
import { numberToken, pageIn } from './requests.js';

/** What the restores for proof of this node found, newest first. A token is the start of the last one shown. */
export async function listDrills(
  { drills, node }: StewardContentOptions,
  request: ListDrillsRequest,
): Promise<ListDrillsResponse> {
  const owner = optionalText(request.owner, 'owner');
  const workspace = optionalText(request.workspaceId, 'workspace_id');
  const { size, after = Number.POSITIVE_INFINITY } = pageIn(request, numberToken);
  const wanted = drills
    .list()
    .filter((drill) => (owner === '' || drill.owner === owner) && drill.startedAtMs < after)
    .filter((drill) => workspace === '' || drill.workspace === workspace);
  const page = wanted.slice(0, size);
  const last = page.at(-1);
  const nextAt = drills.nextAtMs;
  return {
    drills: page.map((drill) => wireDrill(drill, node)),
    nextPageToken: wanted.length > size && last !== undefined ? String(last.startedAtMs) : '',
    nextMs: nextAt === undefined ? undefined : BigInt(Math.round(nextAt)),
  };
}

function wireDrill(drill: DrillRecord, node: string): Drill {
  const { owner, workspace, generation, startedAtMs, durationMs, outcome } = drill;
  const base = {
    ...{ node, owner, workspaceId: workspace, generation: BigInt(generation) },
    startedMs: BigInt(Math.round(startedAtMs)),
  };
  const tookMs = BigInt(Math.round(durationMs));
  switch (outcome.kind) {
    case 'proven': {
      const [entries, bytes] = [BigInt(outcome.entries), BigInt(outcome.bytes)];
      const proof = { entries, bytes, durationMs: tookMs, compared: true, remark: '' };
      return { ...base, proof, failure: undefined };
    }
    case 'restored': {
      const proof = { entries: 0n, bytes: 0n, durationMs: tookMs, compared: false, remark: outcome.why };
      return { ...base, proof, failure: undefined };
    }
    case 'failed': {
      const { code, why } = outcome;
      const known = isErrorCode(code) ? catalog[code] : undefined;
      const failure = {
        ...{ code, message: why, retryable: known?.retryable ?? false, remedy: known?.remedy ?? '' },
        atMs: BigInt(Math.round(startedAtMs + durationMs)),
      };
      return { ...base, proof: undefined, failure };
    }
  }
}
