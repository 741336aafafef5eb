import pino from 'pino';
import { Registry } from 'prom-client';
import { bridgeConfigSchema } from '../../../src/bridge/config.js';
import { startBridge } from '../../../src/bridge/start-bridge.js';
import { realWorld } from '../../../src/gateways/real/world.js';

/** A bridge in a process of its own that commits and then never gets round to publishing. */
await startBridge(bridgeConfigSchema.parse(JSON.parse(process.argv[2] ?? '')), {
  world: realWorld(),
  logger: pino({ level: 'silent' }),
  registry: new Registry(),
  version: '0.0.0',
  publisher: {
    publish: (event) => {
      process.stdout.write(`about to publish ${event.key}\n`);
      return new Promise(() => undefined);
    },
  },
});
