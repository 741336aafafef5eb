import type { Readable } from 'node:stream';
import { sleep } from '../../gateways/clock.js';
import type { World } from '../../gateways/world.js';
import { TOOL_OUTPUT_BYTES, TOOL_TRIAL_MS } from '../bounds.js';

export interface TrialResult {
  readonly isOk: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a tool for a moment, to see what it does. Never throws: a tool that is not there has failed. */
export async function tryTool(
  world: Pick<World, 'clock' | 'processes'>,
  program: string,
  args: readonly string[],
  input?: Uint8Array,
): Promise<TrialResult> {
  const cutOff = new AbortController();
  const { PATH = '/usr/sbin:/usr/bin:/sbin:/bin' } = process.env;
  const env = { PATH, LC_ALL: 'C' };
  const running = world.processes.start({
    program,
    args,
    env,
    signal: cutOff.signal,
    ...(input === undefined ? {} : { input }),
  });
  const timer = new AbortController();
  sleep(world.clock, TOOL_TRIAL_MS, timer.signal).then(
    () => cutOff.abort(),
    () => {},
  );
  const [stdout, stderr, exit] = await Promise.all([
    head(running.stdout),
    head(running.stderr),
    running.exit,
  ]);
  timer.abort();
  return { isOk: exit.kind === 'code' && exit.code === 0, stdout, stderr };
}

/** The first so many bytes; the rest is read and thrown away, so that the tool can end. */
async function head(stream: Readable): Promise<string> {
  const kept: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk);
    if (size < TOOL_OUTPUT_BYTES) kept.push(bytes);
    size += bytes.length;
  }
  return Buffer.concat(kept).subarray(0, TOOL_OUTPUT_BYTES).toString('utf8');
}
