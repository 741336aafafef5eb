/** How often a stop looks whether an instance's work has ended, beside being told so. */
export const QUIESCE_POLL_MS = 200;

/** How long the work of an instance gets to end when the daemon stops before it is killed. */
export const STOP_GRACE_MS = 20_000;

/** How long what is still to be written may take when the daemon stops. */
export const CLOSE_DEADLINE_MS = 10_000;

/** How long the id of a finished instance is remembered, and how many of them. */
export const FINISHED_KEPT_MS = 24 * 60 * 60 * 1000;
export const FINISHED_MAX = 10_000;

/** Largest initializer message accepted, in bytes of its protobuf form: as base64 it has to fit into a record. */
export const INITIALIZER_BYTES_MAX = 256 * 1024;

/** Largest credentials of one set-up. */
export const SECRETS_BYTES_MAX = 1024 * 1024;

/** Instances one daemon takes. */
export const INSTANCES_MAX = 20_000;

/** Restarts of one instance from its record before it is parked. */
export const INSTANCE_RESTARTS_MAX = 5;
export const INSTANCE_RESTART_PERIOD_MS = 60_000;

/** Defaults of the limits of one instance's content; each can be configured. */
export const RECORD_DEADLINE_MS = 30_000;
/** How long a disk may take over what comes before an instance's own deadlines, and over a promise of a snapshot. */
export const PREPARE_DEADLINE_MS = 30_000;
export const PROMISE_DEADLINE_MS = 60_000;
export const SURVEY_DEADLINE_MS = 60_000;
export const RESERVE_DEADLINE_MS = 5 * 60_000;
export const INITIALIZE_DEADLINE_MS = 30 * 60_000;
export const SEAL_DEADLINE_MS = 5 * 60_000;
/** The program of a workspace has a shorter deadline of its own; this one is for what comes of it. */
export const PRE_STOP_STEP_MS = 12 * 60_000;
export const LOGS_DEADLINE_MS = 5 * 60_000;
export const QUIESCE_DEADLINE_MS = 2 * 60_000;
/** For one attachment: long enough for its gentle attempts and the one by force. */
export const DISCONNECT_DEADLINE_MS = 2 * 60_000;
export const BACKUP_DEADLINE_MS = 60 * 60_000;
export const VERIFY_DEADLINE_MS = 30 * 60_000;
export const REMOVE_DEADLINE_MS = 10 * 60_000;
export const BACKUP_ATTEMPTS_MAX = 3;
export const PAUSE_MIN_MS = 1_000;
export const PAUSE_MAX_MS = 5 * 60_000;
/** Backups and snapshots that may wait on one instance. */
export const JOBS_MAX = 16;
/** Snapshots of one instance whose outcome is remembered, beside those still to be made. */
export const SNAPSHOTS_REMEMBERED_MAX = 32;
/** How often the final backup is made in a row when files are cut short while it reads them. */
export const FINAL_BACKUP_TRIES_MAX = 3;
/** Mounts and networks of one instance. */
export const ATTACHMENTS_MAX = 64;
/** Transitions, and entries of a list, that one answer shows when its caller names no number. */
export const HISTORY_SHOWN_MAX = 500;
export const PAGE_SHOWN_MAX = 500;
/** How often readiness is looked at, how long one look may take, and how much disk must be free for it. */
export const READINESS_PERIOD_MS = 15_000;
export const READINESS_DEADLINE_MS = 5_000;
export const DISK_FREE_BYTES_MIN = 256 * 1024 * 1024;
/** Instances that come back at the same time at start. */
export const RECOVERIES_MAX = 32;
/** Contents looked at together before their instances come back. */
export const LOOKS_AHEAD_MAX = 128;
/** For all of them together. What has not been seen by then, each instance looks at by itself. */
export const LOOK_AHEAD_DEADLINE_MS = 10_000;
/** How long the effects of an actor that crashed or was killed get to end before they count as left behind. */
export const EFFECTS_END_MS = 4_000;
/** What records and answers keep of one failure or warning, and of a git status; the rest is in the log. */
export const MESSAGE_CHARACTERS_MAX = 2_000;
export const WARNINGS_MAX = 20;
export const GIT_REPORT_BYTES_MAX = 64 * 1024;
/** Default concurrency of a node's set-ups (fetching and unpacking), backups and snapshots (packing and storing). */
export const SETUPS_RUNNING_MAX = 4;
export const BACKUPS_RUNNING_MAX = 5;
export const SNAPSHOTS_RUNNING_MAX = 2;
/** How long one may wait for its turn by default. A final backup that waited in vain only loses an attempt. */
export const SETUP_WAIT_MS = 60 * 60_000;
export const BACKUP_WAIT_MS = 2 * 60 * 60_000;
export const SNAPSHOT_WAIT_MS = 2 * 60 * 60_000;
/** How long work whose time is up gets to end by itself before its machine gives it up. */
export const QUEUE_END_MS = 10_000;
/** What may wait in one queue: an instance waits for one thing at a time. */
export const QUEUE_LENGTH_MAX = INSTANCES_MAX;
/** Most that a queue may be configured to do at the same time. */
export const CONCURRENCY_MAX = 1_000;
/** Defaults of housekeeping: how often, how old a thing must be before it counts as left behind, how long it is kept. */
export const HOUSEKEEPING_INTERVAL_MS = 5 * 60_000;
export const HOUSEKEEPING_AGE_MS = 60 * 60_000;
export const QUARANTINE_KEPT_MS = 7 * 24 * 60 * 60_000;
/** Archives without a manifest may belong to a backup under way, on this node or another: it has to be older. */
export const ORPHAN_AGE_MS = 12 * 60 * 60_000;
/** How often the storage is tidied: it asks for every version of every workspace. */
export const STORED_INTERVAL_MS = 60 * 60_000;
/** Workspaces without an instance on the node that are looked at in one turn of it, and objects listed for that. */
export const STORED_PAGE_WORKSPACES = 500;
export const STORED_PAGE_WORKSPACES_MAX = 100_000;
export const STORED_PAGE_OBJECTS_MAX = 100_000;
/** How far a node's clock may be from its storage's before it removes nothing there. */
export const STORAGE_CLOCK_DIFFERENCE_MS_MAX = 5 * 60_000;
/** How often nodes may have said what is to be kept. */
export const STORED_POLICIES_MAX = 1_000;
/** Largest note of how far the turns have come or what is kept, and claims of old turns that are removed at once. */
export const STORED_TURN_BYTES_MAX = 4_096;
export const STORED_CLAIMS_MAX = 100;
/** One drill a day by default, and the pause after one that failed. */
export const DRILL_PERIOD_MS = 24 * 60 * 60_000;
export const DRILL_RETRY_MS = 60 * 60_000;
/** Workspaces that are asked for a backup there is room for. */
export const DRILL_CANDIDATES_MAX = 100;
/** What is kept of drills, how much of a reason, and the largest file of them. */
export const DRILLS_KEPT_MAX = 500;
export const DRILL_REASON_CHARACTERS_MAX = 1_000;
export const DRILL_FILE_BYTES = 16 * 1024 * 1024;
/** How long the workspace's own program may take before its content is saved. */
export const PRE_STOP_DEADLINE_MS = 30_000;
/** How often a stream tells how far its work is. */
export const PROGRESS_PERIOD_MS = 500;
/** Instances of which it is remembered when they were told last. */
export const PROGRESS_INSTANCES_MAX = 1_000;
/** Versions found right that are remembered while the daemon runs. */
export const VERIFIED_REMEMBERED_MAX = 10_000;
/** Patterns a configuration may keep out of all backups. */
export const EXCLUDES_MAX = 1_000;
/** How far uploads may be ahead of the bandwidth they have, so that small ones do not wait at all. */
export const BANDWIDTH_BURST_MS = 250;
/** What one answer names of that was in the way of a restore; its count stays true beyond it. */
export const KEPT_ASIDE_SHOWN_MAX = 1_000;
