import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DaemonConfigInput } from '../src/daemon/config.js';
import { realWorld } from '../src/gateways/real/world.js';
import { ContentServiceService } from '../src/gen/steward/v1/content_service.js';
import { WorkspaceContentServiceService } from '../src/gen/ws-daemon-api/daemon.js';
import { createChannel } from '../src/grpc/channel.js';
import { createClient } from '../src/grpc/client.js';
import { memoryOf, startProgram } from './program-process.js';

/** Fifty large stops on a slow machine. */
const CALL_DEADLINE_MS = 10 * 60_000;
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
  const child = await startProgram('daemon', '--config', join(folder, 'daemon.json'));
  const channel = createChannel(`unix:${join(folder, 'd.sock')}`, { clock: realWorld().clock });
  return {
    pid: child.pid,
    content: createClient(WorkspaceContentServiceService, channel, { timeoutMs: CALL_DEADLINE_MS }),
    steward: createClient(ContentServiceService, channel, { timeoutMs: CALL_DEADLINE_MS }),
    workspaceOf: (id: string) => join(folder, 'daemon', 'workspaces', id),
    /** Its resident memory now without garbage, and from now on the most it had. */
    idle: async () => {
      const bytes = await child.settled();
      writeFileSync(`/proc/${child.pid}/clear_refs`, '5');
      return bytes;
    },
    most: () => memoryOf(child.pid, 'VmHWM'),
    stop: async () => {
      channel.close();
      await child.stop();
    },
  };
}

export type DaemonChild = Awaited<ReturnType<typeof startDaemonChild>>;
