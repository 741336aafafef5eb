import type { StopRequest } from '../pipeline/updates.js';
import type { OpenRow } from './open-rows.js';

/** To stop a row as it was read; what has changed in between lets it stand. `why` goes into its message. */
export function stopOrder(row: OpenRow, why: string, requestedAt: number): StopRequest {
  return {
    instance: row.instance,
    expectedVersion: row.version,
    expectedPhase: row.phase,
    expectedRegion: row.region,
    message: `The bridge stopped this instance: ${why}.`,
    requestedAt,
  };
}
