import { setTimeout as wait } from 'node:timers/promises';
import { realDaemon } from '../test/support/real-daemon.js';

/** A daemon of its own process: starts on the folder, says what it took and holds, and stops. */
const [folder = '', count = '0'] = process.argv.slice(2);
const start = performance.now();
const daemon = await realDaemon(folder);
const wanted = Number(count);
while (wanted > 0 && !(await isBack())) await wait(5);
const recoveryMs = performance.now() - start;
global.gc?.();
await wait(500);
global.gc?.();
console.log(JSON.stringify({ recoveryMs, residentBytes: process.memoryUsage.rss() }));
await daemon.close();

/** The last one is in use again. */
async function isBack(): Promise<boolean> {
  const { content } = await daemon.steward.getContent({ instanceId: `instance-${wanted - 1}` });
  return content?.step === 'available.idle';
}
