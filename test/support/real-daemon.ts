import { join } from 'node:path';
import pino from 'pino';
import { Registry } from 'prom-client';
import { type DaemonConfigInput, daemonConfigSchema } from '../../src/daemon/config.js';
import { type RunningDaemon, startDaemon } from '../../src/daemon/daemon.js';
import { RealHttp } from '../../src/gateways/real/http.js';
import { realWorld } from '../../src/gateways/real/world.js';
import type { World } from '../../src/gateways/world.js';
import { ContentServiceService } from '../../src/gen/steward/v1/content_service.js';
import { SupervisionServiceService } from '../../src/gen/steward/v1/supervision.js';
import { SystemServiceService } from '../../src/gen/steward/v1/system.js';
import { WorkspaceContentServiceService } from '../../src/gen/ws-daemon-api/daemon.js';
import { createChannel } from '../../src/grpc/channel.js';
import { createClient } from '../../src/grpc/client.js';

const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];

/** A daemon as users run it, in a folder of its own, and clients that talk to it over its socket. */
export async function realDaemon(
  folder: string,
  changes: Partial<DaemonConfigInput> = {},
  world: World = realWorld(),
) {
  const config = daemonConfigSchema.parse({
    stateFolder: join(folder, 'daemon'),
    secretsFolder: join(folder, 'secrets'),
    listen: [`unix:${join(folder, 'd.sock')}`],
    node: 'test-node',
    content: uid === 0 ? { uid: 33333, gid: 33333, isRoot: true } : { uid, gid, isRoot: false },
    storage: { folder: join(folder, 'objects') },
    // Mounts would be left where a test ends without disposing of what it started.
    layers: { method: 'copy' },
    ...changes,
  });
  const registry = new Registry();
  const alarms: Alarm[] = [];
  const daemon = await startDaemon(config, {
    world,
    http: new RealHttp(),
    logger: watched(alarms),
    registry,
    version: 'test',
  });
  return { ...clientsOf(daemon), daemon, config, registry, alarms };
}

/** What the log says of a damaged record or history. */
export interface Alarm {
  readonly kind: string;
  readonly key?: string;
  readonly reason?: string;
}

/** A log whose alarms are kept; the rest is shown when STEWARD_TEST_LOG says so. */
function watched(alarms: Alarm[]): pino.Logger {
  const shown = pino({ level: process.env['STEWARD_TEST_LOG'] ?? 'silent' });
  const write = (line: string) => {
    const { alarm } = JSON.parse(line);
    if (alarm !== undefined) alarms.push(alarm);
    if (shown.isLevelEnabled('error')) process.stdout.write(line);
  };
  return pino({ level: shown.level === 'silent' ? 'error' : shown.level }, { write });
}

export type RealDaemon = Awaited<ReturnType<typeof realDaemon>>;

function clientsOf(daemon: RunningDaemon) {
  const channel = createChannel(daemon.addresses[0] ?? '', { clock: realWorld().clock });
  return {
    content: createClient(WorkspaceContentServiceService, channel),
    steward: createClient(ContentServiceService, channel),
    supervision: createClient(SupervisionServiceService, channel),
    system: createClient(SystemServiceService, channel),
    close: async () => {
      channel.close();
      await daemon.stop();
    },
  };
}

/** An Init request for an empty workspace. */
export function emptyWorkspace(instance: string, workspace = 'w1', owner = 'o1') {
  return {
    id: instance,
    metadata: { owner, metaId: workspace },
    initializer: { spec: { $case: 'empty' as const, value: {} } },
    remoteStorageDisabled: false,
    storageQuotaBytes: 0n,
  };
}
