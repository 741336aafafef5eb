import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { DaemonConfigInput } from '../src/daemon/config.js';
import { realWorld } from '../src/gateways/real/world.js';
import { ContentServiceService } from '../src/gen/steward/v1/content_service.js';
import { WorkspaceContentServiceService } from '../src/gen/ws-daemon-api/daemon.js';
import { createChannel } from '../src/grpc/channel.js';
import { createClient } from '../src/grpc/client.js';

/** Fifty large stops on a slow machine. */
const CALL_DEADLINE_MS = 10 * 60_000;
const PROGRAM = join(import.meta.dirname, '../bin/steward.js');
/** Garbage counts for nobody: a signal has it collected. */
const COLLECTING = ['--expose-gc', '--import', 'data:text/javascript,process.on("SIGUSR2",()=>gc())'];
/** Memory that was given up goes back to the system a little later. */
const COLLECT_MS = 500;

/**
 * The daemon as users run it, from what `npm run build` made, in a process of its own, so that its memory is its
 * own; and clients of it.
 */
export async function startDaemonChild(folder: string, changes: Partial<DaemonConfigInput> = {}) {
  const config: Partial<DaemonConfigInput> = {
    stateFolder: join(folder, 'daemon'),
    secretsFolder: join(folder, 'secrets'),
    listen: [`unix:${join(folder, 'd.sock')}`],
    node: 'bench',
    storage: { folder: join(folder, 'objects') },
    layers: { method: 'copy' },
    ...changes,
  };
  writeFileSync(join(folder, 'daemon.json'), JSON.stringify(config));
  const child = startProcess(
    [...COLLECTING, PROGRAM, 'daemon', '--config', join(folder, 'daemon.json')],
    'READY=1',
  );
  await child.said;
  const channel = createChannel(`unix:${join(folder, 'd.sock')}`, { clock: realWorld().clock });
  return {
    pid: child.pid,
    content: createClient(WorkspaceContentServiceService, channel, { timeoutMs: CALL_DEADLINE_MS }),
    steward: createClient(ContentServiceService, channel, { timeoutMs: CALL_DEADLINE_MS }),
    workspaceOf: (id: string) => join(folder, 'daemon', 'workspaces', id),
    /** Its resident memory now without garbage, and from now on the most it had. */
    idle: async () => {
      for (let time = 0; time < 3; time += 1) {
        process.kill(child.pid, 'SIGUSR2');
        await wait(COLLECT_MS);
      }
      writeFileSync(`/proc/${child.pid}/clear_refs`, '5');
      return memoryOf(child.pid, 'VmRSS');
    },
    most: () => memoryOf(child.pid, 'VmHWM'),
    stop: async () => {
      channel.close();
      process.kill(child.pid, 'SIGTERM');
      await child.stop();
    },
  };
}

export type DaemonChild = Awaited<ReturnType<typeof startDaemonChild>>;

/** A TypeScript program of the bench that says one line when it is ready and ends when its input does. */
export function startChild(program: string, ...args: readonly string[]) {
  return startProcess(['--expose-gc', '--import', 'tsx', join(import.meta.dirname, program), ...args], '\n');
}

/** `said`: the first line, once `sign` was in what it says. */
function startProcess(args: readonly string[], sign: string) {
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const said = new Promise<string>((resolve, reject) => {
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
      if (output.includes(sign)) resolve(output.split('\n')[0] ?? '');
    });
    child.once('close', (code) => reject(new Error(`${args.join(' ')} ended with ${code}`)));
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
