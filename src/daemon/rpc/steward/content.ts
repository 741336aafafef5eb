import type { ContentServiceService } from '../../../gen/steward/v1/content_service.js';
import type { Handlers, ServiceOptions } from '../../../grpc/service-types.js';
import { pageSize, requiredInstanceId } from '../../../grpc/validation.js';
import { watchTransitions } from '../../../telemetry/transition-stream.js';
import { wireTransition } from '../../../telemetry/wire-transition.js';
import { HISTORY_SHOWN_MAX } from '../../bounds.js';
import { deleteBackup } from './delete-backup.js';
import { deleteSnapshot } from './delete-snapshot.js';
import { deleteStoredContent } from './delete-stored-content.js';
import { explainContent } from './explain.js';
import { contentOf } from './get-content.js';
import { getLoad } from './get-load.js';
import { listBackups } from './list-backups.js';
import { listContent } from './list-content.js';
import { listDrills } from './list-drills.js';
import { listSnapshots } from './list-snapshots.js';
import { makeBackup } from './make-backup.js';
import type { StewardContentOptions, VersionsContext } from './options.js';
import { recover } from './recover.js';
import { restoreBackup } from './restore-backup.js';
import { VerifiedVersions } from './verified-versions.js';
import { verifyBackup } from './verify-backup.js';

/** `steward.v1.ContentService`, one file per method. */
export function stewardContentHandlers(options: StewardContentOptions): Handlers<ContentServiceService> {
  const context: VersionsContext = { ...options, verified: new VerifiedVersions() };
  const { core, node } = context;
  return {
    getContent: async ({ instanceId }) => ({ content: contentOf(context, instanceId) }),
    listContent: async (request) => listContent(context, request),
    watchTransitions: (request, call) => watchTransitions(core, node, request, call),
    getHistory: async (request) => {
      const instance = requiredInstanceId(request.instanceId, 'instance_id');
      const limit = pageSize(request.limit, 'limit', HISTORY_SHOWN_MAX);
      const found = await core.publisher.history(instance, limit + 1);
      const transitions = found.slice(-limit).map((transition) => wireTransition(transition, node));
      return { transitions, truncated: found.length > limit };
    },
    explain: (request) => explainContent(context, request),
    makeBackup: (request, call) => makeBackup(context, request, call),
    listBackups: (request, call) => listBackups(context, request, call),
    verifyBackup: (request, call) => verifyBackup(context, request, call),
    restoreBackup: (request, call) => restoreBackup(context, request, call),
    deleteBackup: (request, call) => deleteBackup(context, request, call),
    listSnapshots: (request, call) => listSnapshots(context, request, call),
    deleteSnapshot: (request, call) => deleteSnapshot(context, request, call),
    deleteStoredContent: (request, call) => deleteStoredContent(context, request, call),
    listDrills: (request) => listDrills(context, request),
    getLoad: async () => getLoad(context),
    recover: (request, call) => recover(context, request, call),
  };
}

/** Calls that last as long as the content is large; the caller's own deadline bounds them. */
export const STEWARD_CONTENT_OPTIONS: ServiceOptions<ContentServiceService> = {
  methods: {
    makeBackup: { timeoutMs: 'unlimited' },
    deleteBackup: { timeoutMs: 'unlimited' },
    deleteStoredContent: { timeoutMs: 'unlimited' },
    recover: { timeoutMs: 'unlimited' },
  },
};
