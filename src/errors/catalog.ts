import { status } from '@grpc/grpc-js';

/** One kind of failure: what it is called, what gRPC callers get, whether trying again can help, and what to do. */
export interface CatalogEntry {
  readonly status: status;
  readonly retryable: boolean;
  /** What the caller can do, as a sentence. */
  readonly remedy: string;
}

/**
 * Every failure the system reports by name. Codes are part of the interface: `docs/errors.md` is generated
 * from this table and a test compares both.
 */
export const catalog = {
  'invalid-argument': entry(status.INVALID_ARGUMENT, false, 'Correct the named field and call again.'),
  'invalid-config': entry(
    status.INVALID_ARGUMENT,
    false,
    'Correct the named key; `steward config check` shows all of them.',
  ),
  'unknown-instance': entry(status.NOT_FOUND, false, 'Check the id; `steward list` shows what exists.'),
  'already-exists': entry(
    status.ALREADY_EXISTS,
    false,
    'Use another id, or wait for the existing one with WaitForInit.',
  ),
  'workspace-busy': entry(
    status.FAILED_PRECONDITION,
    true,
    'Another instance of this workspace still exists; wait until it has stopped.',
  ),
  'wrong-state': entry(
    status.FAILED_PRECONDITION,
    true,
    'Wait for the state named in the message, then call again.',
  ),
  'under-maintenance': entry(status.FAILED_PRECONDITION, true, 'Try again when the maintenance is over.'),
  'needs-cluster': entry(
    status.FAILED_PRECONDITION,
    false,
    'Ask the manager of a cluster that has what the message names.',
  ),
  'storage-disabled': entry(
    status.FAILED_PRECONDITION,
    false,
    'Start the workspace with remote storage enabled.',
  ),
  'snapshot-not-found': entry(status.NOT_FOUND, false, 'Check the snapshot name; it may have been deleted.'),
  'backup-not-found': entry(
    status.NOT_FOUND,
    false,
    'The workspace has no backup; start it from another source.',
  ),
  'path-not-found': entry(
    status.NOT_FOUND,
    false,
    'Check the path; it is relative to the content, and another version may hold it (`steward backups`).',
  ),
  'path-refused': entry(
    status.FAILED_PRECONDITION,
    false,
    'Restore into another folder of the content: one that is a plain folder all the way.',
  ),
  'backup-failed': entry(
    status.DATA_LOSS,
    true,
    'The content is kept on the node. Mend the storage; attempts go on by themselves.',
  ),
  'backup-suspicious': entry(
    status.FAILED_PRECONDITION,
    false,
    'Most of the content is gone since the last backup. Look at it; back up with accept_shrink if that is right.',
  ),
  'content-initialization-failed': entry(
    status.INTERNAL,
    true,
    'Read the message, correct the source, and start again.',
  ),
  'download-failed': entry(
    status.INTERNAL,
    true,
    'Check the URL and the digest; the message says what the server answered.',
  ),
  'quota-exceeded': entry(
    status.RESOURCE_EXHAUSTED,
    false,
    'Ask for a larger storage_quota_bytes, or for less content.',
  ),
  'memory-exceeded': entry(
    status.RESOURCE_EXHAUSTED,
    false,
    'The archive or repository takes more memory than `confinement.memoryMax` of the daemon; raise it if you trust it.',
  ),
  'git-failed': entry(status.INTERNAL, true, 'Check the clone URL, the branch and the credentials.'),
  'credentials-lost': entry(
    status.FAILED_PRECONDITION,
    true,
    'Credentials did not survive a reboot; call InitWorkspace again.',
  ),
  'archive-damaged': entry(
    status.DATA_LOSS,
    false,
    'The stored bytes do not match their digest; restore another version.',
  ),
  'layer-missing': entry(
    status.FAILED_PRECONDITION,
    true,
    'What the workspace changed is kept on the node. Bring the layer back (docs/architecture/layers.md), or dispose without backup.',
  ),
  'manifest-unreadable': entry(
    status.FAILED_PRECONDITION,
    false,
    'It is damaged or written by a newer version: upgrade, or name an older backup. Nothing was changed.',
  ),
  'storage-unavailable': entry(
    status.UNAVAILABLE,
    true,
    'Check that the storage is reachable and writable, then try again.',
  ),
  'storage-refused': entry(
    status.FAILED_PRECONDITION,
    false,
    'Correct the storage part of the configuration or the clock, as the message says; `steward doctor` tries it.',
  ),
  'database-refused': entry(
    status.FAILED_PRECONDITION,
    true,
    'Correct the database part of the configuration, or the accounts of the server, as the message says.',
  ),
  'disk-full': entry(status.RESOURCE_EXHAUSTED, true, 'Free space on the disk named in the message.'),
  'record-unreadable': entry(
    status.DATA_LOSS,
    false,
    'The record was set aside and its content left alone; see docs/operations.md.',
  ),
  'record-not-written': entry(
    status.UNAVAILABLE,
    true,
    'The state could not be saved; check the disk of the state folder.',
  ),
  'stale-generation': entry(status.ABORTED, false, 'A newer run has taken over; nothing to do.'),
  overloaded: entry(status.RESOURCE_EXHAUSTED, true, 'Too much is waiting; try again later.'),
  'deadline-exceeded': entry(
    status.DEADLINE_EXCEEDED,
    true,
    'Allow more time, or look at `steward history` for what is slow.',
  ),
  cancelled: entry(status.CANCELLED, true, 'The call was cancelled by its caller.'),
  'not-implemented': entry(status.UNIMPLEMENTED, false, 'This version does not offer it.'),
  unavailable: entry(
    status.UNAVAILABLE,
    true,
    'The program is starting, stopping or unreachable; try again.',
  ),
  'permission-denied': entry(status.PERMISSION_DENIED, false, 'Run as a user who may do this.'),
  'caller-unknown': entry(
    status.PERMISSION_DENIED,
    false,
    "Call the program's Unix socket, or an address with `tls.ca` and a client certificate.",
  ),
  'unknown-cluster': entry(
    status.NOT_FOUND,
    false,
    'Check the name; `steward cluster list` shows the registered ones.',
  ),
  'cluster-exists': entry(
    status.ALREADY_EXISTS,
    false,
    'Use another name and url, or change the cluster with `steward cluster update`.',
  ),
  'cluster-unreachable': entry(
    status.FAILED_PRECONDITION,
    true,
    'Check the url, the certificates, and that the manager runs; nothing was changed.',
  ),
  'nothing-to-resume': entry(
    status.FAILED_PRECONDITION,
    false,
    'Look at `steward cluster list`, which shows the loops that stand still; nothing was changed.',
  ),
  'cluster-in-use': entry(
    status.FAILED_PRECONDITION,
    true,
    'Drain the cluster and wait until its instances have stopped, or remove it with force.',
  ),
  'cluster-static': entry(
    status.FAILED_PRECONDITION,
    false,
    'The cluster comes from the configuration of the bridge; change it there.',
  ),
  'process-failed': entry(
    status.INTERNAL,
    true,
    'A program this one needs has failed; the message says which.',
  ),
  'missing-tool': entry(
    status.FAILED_PRECONDITION,
    false,
    'Install the program named in the message; `steward doctor` lists what is missing.',
  ),
  'address-in-use': entry(
    status.FAILED_PRECONDITION,
    false,
    'Another program uses this address; stop it or configure another one.',
  ),
  parked: entry(
    status.FAILED_PRECONDITION,
    false,
    'It failed too often, or somebody parked it; `steward history` shows why, `steward recover` goes on.',
  ),
  internal: entry(
    status.INTERNAL,
    false,
    'This is a defect; the log has the details under the id in the message.',
  ),
} as const satisfies Record<string, CatalogEntry>;

export type ErrorCode = keyof typeof catalog;

function entry(code: status, retryable: boolean, remedy: string): CatalogEntry {
  return { status: code, retryable, remedy };
}
