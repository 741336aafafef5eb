import { setTimeout as wait } from 'node:timers/promises';
import { realWorld } from '../src/gateways/real/world.js';
import { WorkspaceManagerService } from '../src/gen/ws-manager-api/core.js';
import { createChannel } from '../src/grpc/channel.js';
import { createClient } from '../src/grpc/client.js';

/** Asks for one instance again and again, and says in the end how long each answer took, in milliseconds. */
const [address = '', id = ''] = process.argv.slice(2);
const PAUSE_MS = 10;
const channel = createChannel(address, { clock: realWorld().clock });
const manager = createClient(WorkspaceManagerService, channel);
await manager.describeWorkspace({ id });
console.log('ready');
let isOver = false;
process.stdin.once('end', () => {
  isOver = true;
});
process.stdin.resume();
const times: number[] = [];
while (!isOver) {
  const start = performance.now();
  await manager.describeWorkspace({ id });
  times.push(performance.now() - start);
  await wait(PAUSE_MS);
}
channel.close();
console.log(JSON.stringify(times));
