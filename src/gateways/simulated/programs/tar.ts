import type { ProgramContext, SimulatedProgram } from '../program.js';
import { optionOf } from './arguments.js';
import { pack } from './tar-pack.js';
import { unpack } from './tar-unpack.js';
import { write } from './write.js';

/**
 * GNU tar as far as our content code uses it: packs a folder to its output, all of it or what changed since its
 * listing, and unpacks its input into one. It says what it did in the words of `--quoting-style=c`.
 */
export const tar: SimulatedProgram = async (context) => {
  const folder = optionOf(context.args, '--directory') ?? context.cwd;
  try {
    if (context.args.includes('--create')) return await pack(context, folder);
    if (context.args.includes('--extract')) return await unpack(context, folder);
    throw new Error('You must specify one of the main options');
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    await fail(context, problem);
    return 2;
  }
};

async function fail(context: ProgramContext, problem: string): Promise<void> {
  const text = `tar: ${problem}\ntar: Error is not recoverable: exiting now\n`;
  await write(context.stderr, text, context.signal);
}
