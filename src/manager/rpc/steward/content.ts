import type { World } from '../../../gateways/world.js';
import { ContentServiceService } from '../../../gen/steward/v1/content_service.js';
import { CLIENT_DEADLINE_MAX_MS } from '../../../grpc/bounds.js';
import type { Channel } from '../../../grpc/channel.js';
import { createClient } from '../../../grpc/client.js';
import type { Handlers, ServiceOptions } from '../../../grpc/service-types.js';
import { explainInstance } from './explain.js';
import { wholeHistory } from './history.js';
import { recoverInstance } from './recover.js';
import type { StateSource } from './states.js';
import { watchAll } from './watch.js';

/**
 * `steward.v1.ContentService` at the manager: what its daemon serves, passed on as it is, and the manager's own part
 * of history, stream, explanation and recovery.
 */
export function contentHandlers(
  channel: Channel,
  world: Pick<World, 'clock' | 'random'>,
  source: StateSource,
): Handlers<ContentServiceService> {
  const daemon = createClient(ContentServiceService, channel, { timeoutMs: CLIENT_DEADLINE_MAX_MS });
  const { transitions } = source;
  const { clock } = world;
  return {
    getContent: (request, { signal }) => daemon.getContent(request, { signal }),
    listContent: (request, { signal }) => daemon.listContent(request, { signal }),
    watchTransitions: (request, call) => watchAll(transitions, daemon, world, request, call),
    getHistory: (request, { signal }) => wholeHistory(transitions, daemon, clock, request, signal),
    explain: (request, { signal }) => explainInstance(source, daemon, clock, request, signal),
    listBackups: (request, { signal }) => daemon.listBackups(request, { signal }),
    verifyBackup: (request, { signal }) => daemon.verifyBackup(request, { signal }),
    restoreBackup: (request, { signal }) => daemon.restoreBackup(request, { signal }),
    deleteBackup: (request, { signal }) => daemon.deleteBackup(request, { signal }),
    listSnapshots: (request, { signal }) => daemon.listSnapshots(request, { signal }),
    deleteSnapshot: (request, { signal }) => daemon.deleteSnapshot(request, { signal }),
    makeBackup: (request, { signal }) => daemon.makeBackup(request, { signal }),
    deleteStoredContent: (request, { signal }) => daemon.deleteStoredContent(request, { signal }),
    listDrills: (request, { signal }) => daemon.listDrills(request, { signal }),
    getLoad: (request, { signal }) => daemon.getLoad(request, { signal }),
    recover: (request, call) => recoverInstance(source, daemon, request, call),
  };
}

/** The daemon bounds them as it does its own; here the caller's deadline counts. */
export const CONTENT_CALL_OPTIONS: ServiceOptions<ContentServiceService> = {
  methods: {
    makeBackup: { timeoutMs: 'unlimited' },
    deleteBackup: { timeoutMs: 'unlimited' },
    deleteStoredContent: { timeoutMs: 'unlimited' },
    recover: { timeoutMs: 'unlimited' },
  },
};
