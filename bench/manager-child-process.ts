import { once } from 'node:events';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { realWorld } from '../src/gateways/real/world.js';
import { managerConfigSchema } from '../src/manager/config.js';
import { startManager } from '../src/manager/start-manager.js';
import { realDaemon } from '../test/support/real-daemon.js';

/** A daemon and a manager in one process, as `steward up` runs them; says where the manager listens. */
const [folder = ''] = process.argv.slice(2);
const daemon = await realDaemon(folder);
const config = managerConfigSchema.parse({
  stateFolder: join(folder, 'manager'),
  secretsFolder: join(folder, 'manager-secrets'),
  contentRoot: join(folder, 'daemon', 'workspaces'),
  listen: [`unix:${join(folder, 'm.sock')}`],
  daemonAddress: daemon.daemon.addresses[0],
});
const manager = await startManager(config, {
  world: realWorld(),
  logger: pino({ level: 'silent' }),
  registry: new Registry(),
  version: 'bench',
});
await manager.ready;
console.log(manager.addresses[0]);
process.stdin.resume();
await once(process.stdin, 'end');
await manager.stop();
await daemon.close();
