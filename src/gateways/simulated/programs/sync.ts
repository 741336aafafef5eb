import type { SimulatedProgram } from '../program.js';

/** `sync -f -- <folder>`; of the file system only that folder and what is below, which is harsher. */
export const sync: SimulatedProgram = async ({ args, files }) => {
  await files.syncTree(args.at(-1) ?? '/');
  return 0;
};
