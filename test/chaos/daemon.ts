import { setInterval } from 'node:timers';
import pino from 'pino';
import { Registry } from 'prom-client';
import { WorkingArea } from '../../src/daemon/area.js';
import { type DaemonConfigInput, daemonConfigSchema } from '../../src/daemon/config.js';
import { startDaemon } from '../../src/daemon/daemon.js';
import { RealHttp } from '../../src/gateways/real/http.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { KillingFiles } from './killing-files.js';
import { KillingProcesses } from './killing-processes.js';
import { FaultPoints, type KillAt } from './points.js';

/** What the process is told when it shall become a daemon. */
export interface Birth {
  readonly config: DaemonConfigInput;
  readonly log: string;
  readonly killAt?: KillAt;
}

export type Said = { readonly ready: readonly string[] } | { readonly failed: string };

/**
 * A daemon as it is, except that it can be made to die at a named point. The process waits, with its code loaded,
 * until its parent says what it shall be.
 */
process.once('message', (birth: Birth) => {
  live(birth).then(
    (ready) => say({ ready }),
    (error: unknown) =>
      say({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
process.once('disconnect', () => process.exit());
// Until then nothing else keeps it alive.
setInterval(() => undefined, 60_000);

async function live({ config, log, killAt }: Birth): Promise<readonly string[]> {
  const parsed = daemonConfigSchema.parse(config);
  const area = new WorkingArea(parsed.stateFolder, parsed.secretsFolder);
  const points = new FaultPoints(killAt);
  const world = {
    ...realWorld(),
    files: new KillingFiles(area, points),
    processes: new KillingProcesses(points),
  };
  const daemon = await startDaemon(parsed, {
    world,
    http: new RealHttp(),
    logger: pino({ level: 'info' }, pino.destination({ dest: log, append: true, sync: true })),
    registry: new Registry(),
    version: 'chaos',
  });
  process.once('SIGTERM', () => {
    daemon.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
  return daemon.addresses;
}

function say(said: Said): void {
  process.send?.(said);
}
