import { createInterface } from 'node:readline';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { bridgeConfigSchema } from '../src/bridge/config.js';
import { startBridge } from '../src/bridge/start-bridge.js';
import { realWorld } from '../src/gateways/real/world.js';

/** A bridge with the configuration it is given; for every line it says what it has used: CPU seconds, bytes resident. */
const [config = ''] = process.argv.slice(2);
const bridge = await startBridge(bridgeConfigSchema.parse(JSON.parse(config)), {
  world: realWorld(),
  logger: pino({ level: 'error' }, pino.destination(2)),
  registry: new Registry(),
  version: 'bench',
});
await bridge.ready;
console.log('ready');
for await (const line of createInterface(process.stdin)) {
  if (line === 'collect') global.gc?.();
  const { user, system } = process.cpuUsage();
  console.log(
    JSON.stringify({ cpuSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage().rss }),
  );
}
await bridge.stop();
