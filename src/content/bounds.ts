/** How long packing or unpacking one archive may take, whatever its caller allows. */
export const ARCHIVE_DEADLINE_MS = 6 * 60 * 60_000;
/** How long cleaning up after a failed archive may take; what is left then is an orphan for the sweep. */
export const ARCHIVE_CLEANUP_DEADLINE_MS = 30_000;

/** Entries of each kind (torn, changed, …) named in a report; the counts stay true beyond it. */
export const REPORT_NAMES_MAX = 100;
/** Longest line of a program's messages that is looked at; the rest of the line is dropped. */
export const MESSAGE_LINE_BYTES = 64 * 1024;
/** Last lines of a failed program's messages that an error repeats, and how long each may be. */
export const MESSAGE_TAIL_LINES_MAX = 10;
export const MESSAGE_TAIL_LINE_CHARACTERS = 500;

/** Bytes looked at to tell how an archive is compressed: up to the `ustar` magic of a tar header. */
export const MAGIC_BYTES = 512;
/** What a tar archive is made of. */
export const TAR_BLOCK_BYTES = 512;
/** Blocks that tar writes at a time: as much as a pipe holds, with a sixth of the usual calls. */
export const TAR_RECORD_BLOCKS = 128;
/** Compressed bytes undone at a time where there is no zstd program: at most 32 MiB come of them. */
export const UNZSTD_STEP_BYTES = 1024;

/** Digits of a generation in the name of its manifest, so that names sort as numbers do. */
export const GENERATION_DIGITS = 12;
/** Largest manifest read back. */
export const MANIFEST_BYTES_MAX = 1024 * 1024;
/** Generations tried in a row when others commit at the same time. */
export const COMMIT_ATTEMPTS_MAX = 8;

/** Patterns of one backup's excludes that are used, and the longest of them. */
export const EXCLUDE_PATTERNS_MAX = 200;
export const EXCLUDE_PATTERN_CHARACTERS_MAX = 256;
/** `?` of a pattern with a `*` in it: what a search has to remember doubles with each. */
export const EXCLUDE_PATTERN_GAP_MAX = 8;
/** Largest `.stewardignore` that is read. */
export const EXCLUDE_FILE_BYTES_MAX = 64 * 1024;
/** Longest record of a survey: a path and a link target, both at their largest. */
export const SURVEY_RECORD_BYTES_MAX = 4 * 1024 * 1024;

/** Entries with extended attributes or ACLs that a proof compares; of more it says that it did not. */
export const ATTRIBUTED_ENTRIES_MAX = 1_000_000;
/** What is kept of the SHA-256 of each of their names. */
export const NAME_DIGEST_BYTES = 16;
/** Longest name of a record in a pax header, and longest value that is looked at (an attribute: 64 KiB). */
export const PAX_KEY_BYTES_MAX = 4 * 1024;
export const PAX_VALUE_BYTES_MAX = 4 * 1024 * 1024;

/** Looks at content in which folders go meanwhile, before it is given up. */
export const SURVEY_LOOKS_MAX = 8;

/** Bytes of a full archive from which on a survey is made beside tar. */
export const SURVEY_BESIDE_BYTES_MIN = 16 * 1024 * 1024;

/** Folders whose inodes a backup keeps of its survey; of others it asks once more. */
export const FOLDER_INODES_MAX = 50_000;

/** A limited upload may send this much of a second's share at once. */
export const BANDWIDTH_BURST_MS = 250;

/** Largest head of a chain that is read. */
export const CHAIN_HEAD_BYTES_MAX = 64 * 1024;
/** Beginning of a listing up to its time: name of the format, seconds, nanoseconds. */
export const LISTING_START_BYTES = 128;
/** Pause before a backup or a seed looks at the time, so that everything written before it is older. */
export const CHAIN_SETTLE_MS = 25;
/** The kernel stamps files with a clock that ticks this seldom at the longest (CONFIG_HZ=100). */
export const CHAIN_TICK_MS = 10;
/** How much before its start a backup looks for changes that the backup before it may have missed. */
export const CHAIN_MARGIN_MS = 100;
/** The same where files have times in whole seconds only; FAT has every second one. */
export const CHAIN_COARSE_MARGIN_MS = 2_100;
/**
 * A write moves the times of its file when it begins and not when it ends: what a call still has to write then is in
 * no backup, and no time will tell. Calls that write this much can take long, up to this time.
 */
export const LONG_WRITE_BYTES_MIN = 1024 * 1024;
export const LONG_WRITE_MS = 120_000;
/** A wall clock that fell behind the monotonic one by more than this was stepped back. */
export const CHAIN_CLOCK_TOLERANCE_MS = 50;
/** Further increments at once for files that shrank while they were read. */
export const TORN_RETRIES_MAX = 2;
/** How long the listing after a restore may take. */
export const SEED_DEADLINE_MS = 30 * 60_000;

/** Increments of a chain before the next backup is a full one. */
export const FULL_AFTER_INCREMENTS = 24;
/** Share of the full archive's size its increments may reach before the next backup is a full one. */
export const FULL_WHEN_INCREMENTS_EXCEED_SHARE = 0.5;
/** Newest generations of a workspace that are always kept. */
export const BACKUP_KEEP_COUNT = 20;
/** Older generations are kept until they are this old. */
export const BACKUP_KEEP_AGE_MS = 24 * 60 * 60_000;
/** What the content must have held before a shrinking can be suspicious, and the share of it that must be left. */
export const SHRINK_MIN_ENTRIES = 1_000;
export const SHRINK_MIN_BYTES = 64 * 1024 * 1024;
export const SHRINK_SHARE = 0.1;

/** Longest clone URL, branch name and checkout location accepted. */
export const GIT_ARGUMENT_CHARACTERS_MAX = 4096;
/** Settings one clone may carry. */
export const GIT_CONFIG_KEYS_MAX = 64;
/** Whole clone, its target and upstream; a server that hangs ends here. */
export const GIT_INITIALIZE_DEADLINE_MS = 30 * 60_000;
/** Submodules, which are allowed to fail. */
export const GIT_SUBMODULE_DEADLINE_MS = 10 * 60_000;
/** Files kept by Git LFS are allowed to fail: they must leave time for the rest of the clone. */
export const GIT_LFS_DEADLINE_MS = 15 * 60_000;
export const GIT_LFS_ATTEMPTS_MAX = 3;
/** Submodules whose Git LFS files are fetched. */
export const GIT_LFS_SUBMODULES_MAX = 100;
/** Clones tried, and the pauses between them (doubled each time, with jitter). */
export const GIT_CLONE_ATTEMPTS_MAX = 3;
export const GIT_PAUSE_MIN_MS = 500;
export const GIT_PAUSE_MAX_MS = 5_000;
/** A transfer slower than this for this long is given up by git itself. */
export const GIT_LOW_SPEED_BYTES = 100;
export const GIT_LOW_SPEED_SECONDS = 60;
/** Output of one git command that is kept. */
export const GIT_OUTPUT_BYTES_MAX = 64 * 1024;
/** Questions for credentials one command may ask: submodules of the same server each ask again. */
export const GIT_CREDENTIAL_ANSWERS_MAX = 32;
/** Commits fetched around a requested commit. */
export const GIT_COMMIT_DEPTH = 20;

/** The commands that read the status of a working copy, together. */
export const GIT_STATUS_DEADLINE_MS = 30_000;
/** Entries of each list of a git status; the totals stay true beyond it. */
export const GIT_STATUS_ENTRIES_MAX = 100;
/** Longest single path or subject kept in a git status. */
export const GIT_STATUS_RECORD_BYTES = 64 * 1024;

/** Tries to fetch a one-time secret, and the pauses between them. */
export const ONE_TIME_SECRET_ATTEMPTS_MAX = 5;
export const ONE_TIME_SECRET_PAUSE_MS = 1_000;
export const ONE_TIME_SECRET_DEADLINE_MS = 30_000;
export const ONE_TIME_SECRET_BYTES_MAX = 16 * 1024;

/** What a workspace's pre-stop program says that is told, and its longest line. */
export const PRE_STOP_OUTPUT_BYTES = 64 * 1024;
export const PRE_STOP_LINE_BYTES = 2 * 1024;
/** Terminal logs of one instance that are stored, and how much of the end of each. */
export const LOGS_MAX = 100;
export const LOG_BYTES_MAX = 64 * 1024 * 1024;
/** What is read of a log at a time. */
export const LOG_BLOCK_BYTES = 64 * 1024;
/** How often a log is tried, and the pauses between (doubled each time, with jitter). */
export const LOG_ATTEMPTS_MAX = 5;
export const LOG_PAUSE_MIN_MS = 500;
export const LOG_PAUSE_MAX_MS = 10_000;

/** Objects that a deletion of stored content has removed at once. */
export const DELETION_BATCH_OBJECTS_MAX = 500;

/** How long putting restored things into content in use may take. */
export const PLACING_DEADLINE_MS = 60 * 60_000;
/** Longest name of a file (NAME_MAX of Linux). */
export const RESTORE_NAME_BYTES_MAX = 255;
/** Paths one restore takes out of a version, and the longest of them. */
export const RESTORE_PATHS_MAX = 1_000;
/** Parts that one restore into content in use puts there; each is copied and renamed by itself. */
export const RESTORE_PARTS_MAX = 10_000;
export const RESTORE_PATH_BYTES_MAX = 4_096;

/** What an archive may unpack to beyond the quota: headers of its entries are in the count. The larger of both. */
export const QUOTA_HEADROOM_BYTES = 16 * 1024 * 1024;
export const QUOTA_HEADROOM_SHARE = 0.1;

/** Largest note beside a `full.tar` of ours. */
export const FULL_TAR_NOTE_BYTES = 4 * 1024;
