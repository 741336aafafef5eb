import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { StewardError } from '../../errors/steward-error.js';
import { WorkspaceManagerService, WorkspaceStatus } from '../../gen/ws-manager-api/core.js';
import type { ServiceClient } from '../../grpc/client.js';

export type ManagerClient = ServiceClient<typeof BridgedManagerService>;

/** A manager's list, which can be gone through once. Going on throws `internal` where it cannot be decoded. */
export interface StatusList {
  readonly status: Iterable<WorkspaceStatus>;
}

const { getWorkspaces } = WorkspaceManagerService;

/**
 * A manager's service as the bridge calls it: of a large list each status is decoded when its turn comes, so that
 * messages of the stream need not wait for all of it, and no more of it is held than what is used.
 */
export const BridgedManagerService = {
  ...WorkspaceManagerService,
  getWorkspaces: {
    ...getWorkspaces,
    responseDeserialize: (bytes: Uint8Array): StatusList => ({ status: statusesIn(bytes) }),
  },
};

/** Field of `GetWorkspacesResponse` that holds one status. */
const STATUS_FIELD = 1;

function* statusesIn(bytes: Uint8Array): Generator<WorkspaceStatus, void, undefined> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const status = decoded(reader);
    if (status !== undefined) yield status;
  }
}

/** undefined for a field of the future. */
function decoded(reader: BinaryReader): WorkspaceStatus | undefined {
  try {
    const [field, type] = reader.tag();
    if (field === STATUS_FIELD && type === WireType.LengthDelimited) {
      return WorkspaceStatus.decode(reader, reader.uint32());
    }
    reader.skip(type, field);
    return undefined;
  } catch (cause) {
    throw new StewardError('internal', `the answer of ${getWorkspaces.path} cannot be decoded`, { cause });
  }
}
