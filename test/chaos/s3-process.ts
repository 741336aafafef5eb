import { startS3rver } from '../support/s3rver.js';

/** An S3 server as a process of its own, until its parent goes or lets it go. */
const server = await startS3rver();
process.once('disconnect', () => {
  server.stop().finally(() => process.exit());
});
process.send?.(server.endpoint);
