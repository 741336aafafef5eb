/** Largest configuration file. */
export const CONFIG_FILE_BYTES = 1024 * 1024;
