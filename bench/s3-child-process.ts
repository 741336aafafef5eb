import { once } from 'node:events';
import { startS3rver } from '../test/support/s3rver.js';

/** An S3 server in a process of its own; says how it is reached and runs until its input ends. */
const server = await startS3rver();
const { endpoint, accessKey, secretKey, region } = server;
console.log(JSON.stringify({ endpoint, accessKey, secretKey, region }));
process.stdin.resume();
await once(process.stdin, 'end');
await server.stop();
process.exit(0);
