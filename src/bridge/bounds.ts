/** Instances whose changes go into one transaction. */
export const WRITE_BATCH_MAX = 200;
/** The same, where what is listed goes along with what happens now. */
export const WRITE_MIXED_BATCH_MAX = 50;

/** Characters of the text columns of an instance's row: what is longer is left out, and the rest is written. */
export const ROW_TEXT_LENGTH_MAX = 255;
/** Characters of the columns that hold ids of instances, workspaces and owners, where the database keeps to them. */
export const ROW_ID_LENGTH_MAX = 36;
/** Largest version of a status. */
export const ROW_VERSION_MAX = 2n ** 64n - 1n;
/** Instances that get no row, or of which the manager of another cluster tells, of which is remembered that it was said. */
export const INSTANCES_TOLD_MAX = 1_000;
/**
 * Characters of a text for people in a row's JSON, beyond which it is cut; of any other text there, beyond which it is
 * left out; and ports of one row. Whatever a manager sends, a row stays one that a database takes at once.
 */
export const STATUS_MESSAGE_LENGTH_MAX = 65_536;
export const STATUS_TEXT_LENGTH_MAX = 4_096;
export const STATUS_PORTS_MAX = 1_000;

/** Pauses between attempts to write while the database does not answer; they double, with jitter. */
export const WRITE_RETRY_MIN_MS = 50;
export const WRITE_RETRY_MAX_MS = 10_000;

/**
 * Attempts to write one instance alone that the database refuses for a reason of its own. Afterwards the update
 * is dropped with an alarm, and the next list brings it again.
 */
export const WRITE_ATTEMPTS_MAX = 6;

/** Events published between two removals from the outbox. */
export const OUTBOX_BATCH_MAX = 500;

/** Events that wait in memory to be published; the table keeps all of them. */
export const OUTBOX_MEMORY_MAX = 20_000;
/** Instances and channels whose events cannot be published before all events wait. */
export const OUTBOX_BLOCKED_MAX = 100;
/** After so long what was published is removed from the outbox, all of it in one go; sooner when it is many. */
export const OUTBOX_REMOVAL_PAUSE_MS = 2_000;

/** How often is looked whether the outbox empties. */
export const OUTBOX_LOOK_MS = 10_000;
/** What is too old, and, in two looks, too much for it; how often that is said while it lasts. */
export const OUTBOX_ALARM_AGE_MS = 60_000;
export const OUTBOX_ALARM_EVENTS_MAX = 10_000;
export const OUTBOX_ALARM_REPEAT_MS = 600_000;

/** Pauses of the relay while events cannot be published. */
export const RELAY_RETRY_MIN_MS = 100;
export const RELAY_RETRY_MAX_MS = 10_000;

/** Pauses before a cluster is connected again; they double, with jitter, and start anew after the first data. */
export const RECONNECT_MIN_MS = 100;
export const RECONNECT_MAX_MS = 30_000;

/** A stream that lived for so long worked, even if it said nothing. */
export const STREAM_STEADY_MS = 5_000;

/** Deadline of one list of a manager's workspaces. */
export const LIST_DEADLINE_MS = 30_000;

/** How long a list waits for the manager's word that the subscription stands, before it is taken anyway. */
export const SUBSCRIBE_SETTLE_MS = 500;

/** Statuses of a list that are handed on between two looks at the stream. */
export const LIST_CHUNK_MAX = 500;

/** How long waiting updates and events may take to be written when the bridge stops. */
export const DRAIN_MS = 10_000;

/** How long a stream or a lister may take to stop. */
export const STREAM_STOP_MS = 5_000;

/** Rows in one answer of ListInstances. */
export const LIST_INSTANCES_MAX = 1_000;

/** How long a control loop that was resumed waits for a run that makes use of it, and for each further one. */
export const RESUMED_MS = 600_000;

/** Stopped rows that one run of a control loop handles. */
export const STOPS_PER_RUN_MAX = 500;

/** Rows that one run marks as stopped, for their status says so. */
export const PHASES_SETTLED_MAX = 500;

/** Rows whose versions are forgotten in one transaction. */
export const VERSION_RESET_BATCH_MAX = 500;
/** Instances that the answer to such a reset names. */
export const VERSION_RESET_NAMED_MAX = 1_000;

/** How often readiness is looked at for the health service. */
export const READINESS_CHECK_MS = 1_000;

/** Attempts to open a database that another process holds. */
export const OPEN_ATTEMPTS_MAX = 8;
/** Furthest instant from the epoch that a Date can hold (ECMA-262, 21.4.1.1). */
export const TIME_MAX_MS = 8.64e15;

/** Instances whose content states one answer shows when its caller names no number. */
export const CONTENT_STATES_MAX = 500;
/** How long a manager may take to tell a page of its contents. */
export const MANAGER_ANSWER_MS = 10_000;

/** Actors whose newest states wait to be written for one cluster; beyond, its transitions are not read on. */
export const CONTENT_WAITING_MAX = 5_000;
/** Of those, how many go into one transaction. */
export const CONTENT_BATCH_MAX = 500;
/** Pause between two such transactions of a cluster: what moves on meanwhile is written once. */
export const CONTENT_PAUSE_MS = 100;
/** How long the rows of an instance stay that has stopped, or that nobody knows, once none of its actors moves. */
export const CONTENT_KEPT_MS = 3_600_000;
/** How often such rows are looked for, and how many instances go in one transaction. */
export const CONTENT_PRUNE_MS = 300_000;
export const CONTENT_PRUNE_MAX = 500;
/** Before a manager that does not tell transitions, or a database that another bridge writes, is looked at again. */
export const CONTENT_UNOFFERED_MS = 600_000;
export const CONTENT_STANDBY_MS = 2_000;
/** Lengths of the texts about an actor, as their columns hold them, and of what is kept of its detail. */
export const ACTOR_LENGTH_MAX = 128;
export const ACTOR_TEXT_LENGTH_MAX = 255;
export const ACTOR_DETAIL_LENGTH_MAX = 4_096;

/** Clusters that are followed at the same time. */
export const CLUSTERS_MAX = 1_000;
/** Largest number of a port. */
export const PORT_MAX = 65_535;
/** Largest weight of a cluster. */
export const CLUSTER_SCORE_MAX = 10_000;
/** Largest file with a password. */
export const SECRET_FILE_BYTES = 4_096;
/** How long a manager may take to describe its cluster, also when that is only a trial of a registration. */
export const DESCRIBE_DEADLINE_MS = 10_000;

/** Changes of one cluster that wait for each other. */
export const CLUSTER_CHANGES_MAX = 16;
/** Lengths of a registration's texts, as their columns hold them: name, url and permission, each PEM in base64. */
export const CLUSTER_NAME_LENGTH_MAX = 64;
export const CLUSTER_TEXT_LENGTH_MAX = 255;
export const PEM_TEXT_LENGTH_MAX = 20_000;
/** Constraints of one cluster. */
export const CONSTRAINTS_MAX = 100;
/** Workspace classes of one cluster that are kept, and the length of the preferred one's name, as its column has it. */
export const CLASSES_MAX = 1_000;
export const CLASS_NAME_LENGTH_MAX = 100;
/** What is kept of the description of a class. */
export const CLASS_DESCRIPTION_LENGTH_MAX = 1_024;
/** Instances that an error names of all it is about. */
export const NAMED_INSTANCES_MAX = 10;

/** How long the right to write lasts without a renewal, by the database's clock. */
export const LEASE_VALID_MS = 6_000;
/** Pause between two renewals. */
export const LEASE_RENEWAL_MS = 2_000;
/** Pause between two looks of a bridge that stands by. */
export const LEASE_POLL_MS = 500;
/**
 * What a bridge that stands by has heard stays for so long: longer than it takes until it knows that the one that
 * writes is gone.
 */
export const STANDBY_MEMORY_MS = 60_000;
