import type { SimulatedProgram } from '../program.js';
import { write } from './write.js';

/** `zstd --decompress --stdout`: passes on what it gets. */
export const zstd: SimulatedProgram = async ({ signal, stdin, stdout }) => {
  for await (const chunk of stdin) await write(stdout, chunk, signal);
  return 0;
};
