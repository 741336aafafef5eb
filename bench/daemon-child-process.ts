import { once } from 'node:events';
import { realDaemon } from '../test/support/real-daemon.js';

/** A daemon that says where it listens and runs until its input ends. */
const [folder = '', changes = '{}'] = process.argv.slice(2);
const daemon = await realDaemon(folder, JSON.parse(changes));
global.gc?.();
console.log(daemon.daemon.addresses[0]);
process.stdin.resume();
await once(process.stdin, 'end');
await daemon.close();
