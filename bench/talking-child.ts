import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A TypeScript program of the bench that says lines, hears lines, and ends when its input does. */
export function startTalkingChild(program: string, ...args: readonly string[]) {
  const path = join(import.meta.dirname, program);
  const child = spawn(process.execPath, ['--expose-gc', '--import', 'tsx', path, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    say: (line: string) => {
      child.stdin.write(`${line}\n`);
    },
    /** No more lines come for it. */
    finish: () => {
      child.stdin.end();
    },
    hear: async () => {
      const line = await lines.next();
      if (line.done === true) throw new Error(`${program} ended`);
      return line.value;
    },
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

export type TalkingChild = ReturnType<typeof startTalkingChild>;
