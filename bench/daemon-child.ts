import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DaemonConfigInput } from '../src/daemon/config.js';
import { realWorld } from '../src/gateways/real/world.js';
import { WorkspaceContentServiceService } from '../src/gen/ws-daemon-api/daemon.js';
import { createChannel } from '../src/grpc/channel.js';
import { createClient } from '../src/grpc/client.js';

/** Fifty large stops on a slow machine. */
const CALL_DEADLINE_MS = 10 * 60_000;

/** A daemon in a process of its own, so that its memory is its own, and a client of it. */
export async function startDaemonChild(folder: string, changes: Partial<DaemonConfigInput> = {}) {
  const child = startChild('daemon-child-process.ts', folder, JSON.stringify(changes));
  const address = await child.said;
  const channel = createChannel(address, { clock: realWorld().clock });
  const content = createClient(WorkspaceContentServiceService, channel, { timeoutMs: CALL_DEADLINE_MS });
  return {
    content,
    workspaceOf: (id: string) => join(folder, 'daemon', 'workspaces', id),
    /** Its resident memory now, and from now on the most it had. */
    idle: () => {
      writeFileSync(`/proc/${child.pid}/clear_refs`, '5');
      return memoryOf(child.pid, 'VmRSS');
    },
    most: () => memoryOf(child.pid, 'VmHWM'),
    stop: async () => {
      channel.close();
      await child.stop();
    },
  };
}

export type DaemonChild = Awaited<ReturnType<typeof startDaemonChild>>;

/** A TypeScript program of the bench that says one line when it is ready and ends when its input does. */
export function startChild(program: string, ...args: readonly string[]) {
  const path = join(import.meta.dirname, program);
  const child = spawn(process.execPath, ['--expose-gc', '--import', 'tsx', path, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  const said = new Promise<string>((resolve, reject) => {
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
      if (output.includes('\n')) resolve(output.split('\n')[0] ?? '');
    });
    child.once('close', (code) => reject(new Error(`${program} ended with ${code}`)));
  });
  return {
    pid: child.pid ?? 0,
    said,
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

function memoryOf(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const [, kilobytes] =
    new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}
