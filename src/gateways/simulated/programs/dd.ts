import { join } from 'node:path';
import type { ProgramContext, SimulatedProgram } from '../program.js';
import { write } from './write.js';

/**
 * `dd` as our content code starts it: `of=<new file> conv=excl,fsync` puts its input into a file that was not there
 * before, on disk; `if=<file> bs=<bytes> count=1` writes the beginning of a file that is no link.
 */
export const dd: SimulatedProgram = async (context) => {
  const operand = (name: string) =>
    context.args.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1);
  const [from, to] = [operand('if'), operand('of')];
  if (to !== undefined) return fill(context, to);
  return show(context, join(context.cwd, from ?? ''), Number(operand('bs')));
};

async function fill({ files, signal, stdin }: ProgramContext, path: string): Promise<number> {
  await files.write(path, '', { exclusive: true });
  for await (const chunk of stdin) {
    signal.throwIfAborted();
    await files.append(path, chunk);
  }
  await files.append(path, '', { sync: true });
  return 0;
}

async function show({ files, signal, stdout }: ProgramContext, path: string, bytes: number): Promise<number> {
  const found = await files.stat(path);
  if (found?.kind !== 'file') return 1;
  const content = await files.read(path, Number.MAX_SAFE_INTEGER);
  await write(stdout, content.subarray(0, bytes), signal);
  return 0;
}
