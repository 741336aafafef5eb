import { once } from 'node:events';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { startS3rver } from '../test/support/s3rver.js';

/** An S3 server with a bucket in a process of its own; says how it is reached and runs until its input ends. */
const [bucket = 'bench'] = process.argv.slice(2);
const server = await startS3rver();
const { endpoint, accessKey, secretKey, region } = server;
const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey };
const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
await client.send(new CreateBucketCommand({ Bucket: bucket }));
client.destroy();
console.log(JSON.stringify({ bucket, endpoint, accessKey, secretKey, region }));
process.stdin.resume();
await once(process.stdin, 'end');
await server.stop();
process.exit(0);
