/** Defaults of what a node keeps; both can be configured. */
export const LAYERS_BYTES = 20 * 1024 ** 3;
export const LAYERS_MAX = 16;

/** Mounting, cloning a subvolume and the looks around them; a disk that hangs ends here. */
export const LAYER_TOOL_DEADLINE_MS = 30_000;
/** Copying a whole layer, walking over it, or deleting it. */
export const LAYER_COPY_DEADLINE_MS = 30 * 60_000;
/** Attempts to mount while an earlier mount of the same changes is still on its way out, and the pauses between them. */
export const MOUNT_ATTEMPTS_MAX = 20;
export const MOUNT_PAUSE_MS = 250;
/** Gentle attempts to unmount, and the pauses between them, before the mount is detached from its users. */
export const UNMOUNT_ATTEMPTS_MAX = 5;
export const UNMOUNT_PAUSE_MS = 200;
/** Overlays of one instance on top of each other that are taken off; there should never be two. */
export const STACKED_MOUNTS_MAX = 8;

/** Largest mount table that is read. */
export const MOUNT_TABLE_BYTES_MAX = 64 * 1024 * 1024;
/** Longest entry of a layer that is looked at: a path has at most 4096 bytes. */
export const TREE_ENTRY_BYTES = 16 * 1024;

/** Processes that make reflinks of one layer at the same time: it is work of the kernel, on metadata alone. */
export const REFLINK_WORKERS = 2;
/** With fewer entries in the topmost folders, those below are shared out among them. */
export const SHARE_ENTRIES_MIN = 16;
/** With more, one worker does it all: they are arguments of a program. */
export const SHARE_ENTRIES_MAX = 4_000;
/** Folders whose entries are shared out; each costs two short programs afterwards. */
export const SHARE_FOLDERS_MAX = 6;
