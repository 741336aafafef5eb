import { ContentServiceService } from '../../gen/steward/v1/content_service.js';
import { CLIENT_DEADLINE_MAX_MS } from '../../grpc/bounds.js';
import type { Channel } from '../../grpc/channel.js';
import { createClient } from '../../grpc/client.js';
import type { Handlers, ServiceOptions } from '../../grpc/service-types.js';

/** `steward.v1.ContentService` of the daemon, passed on as it is: answers, streams and failures. */
export function contentPassThrough(channel: Channel): Handlers<typeof ContentServiceService> {
  const daemon = createClient(ContentServiceService, channel, { timeoutMs: CLIENT_DEADLINE_MAX_MS });
  return {
    getContent: (request, { signal }) => daemon.getContent(request, { signal }),
    listContent: (request, { signal }) => daemon.listContent(request, { signal }),
    watchTransitions: (request, { signal }) => daemon.watchTransitions(request, { signal }),
    getHistory: (request, { signal }) => daemon.getHistory(request, { signal }),
    explain: (request, { signal }) => daemon.explain(request, { signal }),
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
    recover: (request, { signal }) => daemon.recover(request, { signal }),
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
