import { ContentServiceService } from '../gen/steward/v1/content_service.js';
import { WorkspaceContentServiceService } from '../gen/ws-daemon-api/daemon.js';
import { CLIENT_DEADLINE_MAX_MS } from '../grpc/bounds.js';
import type { Channel } from '../grpc/channel.js';
import { createClient } from '../grpc/client.js';
import type { ContentDaemon } from './content-daemon.js';

/**
 * The daemon behind a channel. Its calls may last as long as the work they ask for: whoever calls bounds them by
 * the signal.
 */
export function contentDaemonAt(channel: Channel): ContentDaemon {
  const client = createClient(WorkspaceContentServiceService, channel, { timeoutMs: CLIENT_DEADLINE_MAX_MS });
  const stewards = createClient(ContentServiceService, channel);
  return {
    init: async ({ instance, workspace, owner, initializer }, signal) => {
      await client.initWorkspace(
        {
          id: instance,
          metadata: { owner, metaId: workspace },
          initializer,
          remoteStorageDisabled: false,
          storageQuotaBytes: 0n,
        },
        { signal },
      );
    },
    waitForInit: async (id, signal) => {
      await client.waitForInit({ id }, { signal });
    },
    setUpMetrics: async (instanceId, signal) => {
      const { content } = await stewards.getContent({ instanceId }, { signal });
      return (content?.setup?.steps ?? []).map(({ initializer, durationMs, sizeBytes }) => ({
        type: initializer,
        durationMs: Number(durationMs),
        sizeBytes: Number(sizeBytes),
      }));
    },
    exists: async (id, signal) => (await client.isWorkspaceExists({ id }, { signal })).exists,
    dispose: async (id, { backup, backupLogs }, signal) =>
      (await client.disposeWorkspace({ id, backup, backupLogs }, { signal })).gitStatus,
    snapshot: async (id, returnImmediately, signal) =>
      (await client.takeSnapshot({ id, returnImmediately }, { signal })).url,
    backup: async (id, signal) => (await client.backupWorkspace({ id }, { signal })).url,
  };
}
