/** Largest configuration file. */
export const CONFIG_FILE_BYTES = 1024 * 1024;
/** Largest PEM file. */
export const PEM_FILE_BYTES = 1024 * 1024;
