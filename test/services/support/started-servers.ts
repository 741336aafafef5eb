import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Mariadb } from '../../support/mariadb.js';
import { Redis } from '../../support/redis.js';

/** Starts both servers, tells where they are, and never ends by itself. */
const started = [await Mariadb.start(), await Redis.start()];
const told = started.map(({ server: { folder } }) => ({
  folder,
  pid: Number(readFileSync(join(folder, 'pid'), 'utf8')),
}));
process.stdout.write(`${JSON.stringify(told)}\n`);
setInterval(() => undefined, 60_000);
