import { createHash } from 'node:crypto';
import type { Identity, SetupRequest } from '../../../machines/content-types.js';
import { planOf } from '../../content/initializers/table.js';
import { splitSecrets } from '../../content/secrets.js';
import { StewardError } from '../../errors/steward-error.js';
import { WorkspaceInitializer } from '../../gen/content-service-api/initializer.js';
import type { InitWorkspaceRequest, InitWorkspaceResponse } from '../../gen/ws-daemon-api/daemon.js';
import type { CallContext } from '../../grpc/service-types.js';
import {
  nonNegative,
  requiredInstanceId,
  requiredMessage,
  requiredOwnerId,
  requiredWorkspaceId,
} from '../../grpc/validation.js';
import { INITIALIZER_BYTES_MAX, SECRETS_BYTES_MAX } from '../bounds.js';
import type { InitCommand, Instances } from '../instances.js';
import { setUpAnswer } from './answers.js';

/**
 * Begins a set-up and answers when the content is there. Everything is checked before anything is touched; once
 * begun, the set-up goes on when the caller leaves, and WaitForInit tells how it ends. The same request again
 * joins; another one for a known id is ALREADY_EXISTS.
 */
export async function initWorkspace(
  instances: Instances,
  request: InitWorkspaceRequest,
  call: CallContext,
): Promise<InitWorkspaceResponse> {
  const instance = await instances.init(commandFrom(request));
  await instance.waitFor(setUpAnswer, call.signal);
  return {};
}

function commandFrom(request: InitWorkspaceRequest): InitCommand {
  const identity = identityIn(request);
  const initializer = requiredMessage(request.initializer, 'initializer');
  const quotaBytes = nonNegative(request.storageQuotaBytes, 'storage_quota_bytes');
  planOf(initializer);
  const { initializer: open, secrets } = splitSecrets(initializer);
  const bytes = WorkspaceInitializer.encode(open).finish();
  if (bytes.length > INITIALIZER_BYTES_MAX) {
    throw new StewardError('invalid-argument', `initializer is larger than ${INITIALIZER_BYTES_MAX} bytes`);
  }
  if (Buffer.byteLength(JSON.stringify(secrets)) > SECRETS_BYTES_MAX) {
    throw new StewardError(
      'invalid-argument',
      `initializer has secrets of more than ${SECRETS_BYTES_MAX} bytes`,
    );
  }
  const encoded = Buffer.from(bytes).toString('base64');
  const setup: SetupRequest = {
    initializer: encoded,
    fingerprint: fingerprintOf(encoded, request.remoteStorageDisabled, quotaBytes),
    hasSecrets: Object.keys(secrets).length > 0,
    remoteStorageDisabled: request.remoteStorageDisabled,
    quotaBytes,
  };
  return { identity, request: setup, secrets };
}

function identityIn(request: InitWorkspaceRequest): Identity {
  const instance = requiredInstanceId(request.id, 'id');
  const metadata = requiredMessage(request.metadata, 'metadata');
  return {
    instance,
    workspace: requiredWorkspaceId(metadata.metaId, 'metadata.meta_id'),
    owner: requiredOwnerId(metadata.owner, 'metadata.owner'),
  };
}

/** Two requests are the same when this is; secrets, which may be renewed between tries, do not count. */
function fingerprintOf(initializer: string, storageDisabled: boolean, quotaBytes: number): string {
  return createHash('sha256')
    .update(JSON.stringify([initializer, storageDisabled, quotaBytes]))
    .digest('hex');
}
