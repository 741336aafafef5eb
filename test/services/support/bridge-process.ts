import pino from 'pino';
import { Registry } from 'prom-client';
import { bridgeConfigSchema } from '../../../src/bridge/config.js';
import { startBridge } from '../../../src/bridge/start-bridge.js';
import { realWorld } from '../../../src/gateways/real/world.js';

/** A bridge in a process of its own; it says when it is there, and drains on SIGTERM. */
const bridge = await startBridge(bridgeConfigSchema.parse(JSON.parse(process.argv[2] ?? '')), {
  world: realWorld(),
  logger: pino({ level: 'warn' }, pino.destination(2)),
  registry: new Registry(),
  version: '0.0.0',
});
process.on('SIGTERM', () => {
  void bridge.stop().then(() => process.exit(0));
});
process.stdout.write('started\n');
