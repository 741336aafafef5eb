import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** How to reach an S3 server that the tests may fill. */
export interface S3Server {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface RunningSwift extends S3Server {
  stop(): Promise<void>;
}

/** Debian's own: another one that comes first in PATH does not know its packages. */
const PYTHON = '/usr/bin/python3';
/** Small pages, so that few objects make several. */
const PAGE_OBJECTS = 20;
const START_DEADLINE_MS = 30_000;
const USER = { account: 'test', name: 'tester', key: 'testing' };

/**
 * OpenStack Swift with its S3 interface, as Debian packages it: four servers on free ports of loopback, one
 * replica, everything in `folder`, which must be on a file system with extended attributes. Its authentication wants
 * a cache, but only wants it to be there: this one has no server.
 */
export async function startSwift(folder: string): Promise<RunningSwift> {
  const ports = await freePorts();
  writeFileSync(join(folder, 'swift.conf'), swiftConf);
  mkdirSync(join(folder, 'node', 'd1'), { recursive: true });
  for (const server of ['account', 'container', 'object'] as const) {
    makeRing(folder, server, ports[server]);
    writeFileSync(join(folder, `${server}.conf`), storageConf(folder, server, ports[server]));
  }
  writeFileSync(join(folder, 'proxy.conf'), proxyConf(folder, ports.proxy));
  const children = (['account', 'container', 'object', 'proxy'] as const).map((server) =>
    spawn(PYTHON, ['-c', serve(server), join(folder, `${server}.conf`)], {
      stdio: 'ignore',
      detached: true,
    }),
  );
  const stop = async () => {
    await Promise.all(children.map(killed));
    await rm(folder, { recursive: true, force: true });
  };
  const endpoint = `http://127.0.0.1:${ports.proxy}`;
  try {
    for (const port of Object.values(ports)) await answers(`http://127.0.0.1:${port}/healthcheck`, children);
  } catch (error) {
    await stop();
    throw error;
  }
  const accessKey = `${USER.account}:${USER.name}`;
  return { endpoint, region: 'us-east-1', accessKey, secretKey: USER.key, stop };
}

const swiftConf = `[swift-hash]
swift_hash_path_suffix = steward
swift_hash_path_prefix = steward
[storage-policy:0]
name = only
default = yes
`;

function storageConf(folder: string, server: string, port: number): string {
  return `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 0
user = ${userInfo().username}
swift_dir = ${folder}
devices = ${join(folder, 'node')}
mount_check = false
fallocate_reserve = 0
log_address = ${join(folder, 'no-syslog')}
[pipeline:main]
pipeline = healthcheck ${server}-server
[filter:healthcheck]
use = egg:swift#healthcheck
[app:${server}-server]
use = egg:swift#${server}
`;
}

function proxyConf(folder: string, port: number): string {
  return `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 0
user = ${userInfo().username}
swift_dir = ${folder}
log_address = ${join(folder, 'no-syslog')}
[pipeline:main]
pipeline = catch_errors healthcheck cache bulk s3api tempauth slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
error_suppression_limit = 1000000
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[filter:s3api]
use = egg:swift#s3api
max_bucket_listing = ${PAGE_OBJECTS}
[filter:tempauth]
use = egg:swift#tempauth
user_${USER.account}_${USER.name} = ${USER.key} .admin
`;
}

/** What the programs of the packages do: the library alone brings no services that would be started. */
function serve(server: string): string {
  const isObject = server === 'object';
  const callback = isObject ? ', global_conf_callback=global_conf_callback' : '';
  return [
    'import sys',
    'from swift.common.wsgi import run_wsgi',
    ...(isObject ? ['from swift.obj.server import global_conf_callback'] : []),
    `sys.exit(run_wsgi(sys.argv[1], '${server}-server', verbose=False${callback}))`,
  ].join('\n');
}

function makeRing(folder: string, server: string, port: number): void {
  const builder = join(folder, `${server}.builder`);
  // Its parser of options must not see the one of the interpreter.
  const main =
    'import sys; sys.argv[0] = "swift-ring-builder"; from swift.cli.ringbuilder import main; main()';
  const run = (...args: string[]) =>
    execFileSync(PYTHON, ['-c', main, builder, ...args], { stdio: 'ignore' });
  run('create', '1', '1', '0');
  run(
    'add',
    '--region',
    '1',
    '--zone',
    '1',
    '--ip',
    '127.0.0.1',
    '--port',
    String(port),
    '--device',
    'd1',
    '--weight',
    '1',
  );
  run('rebalance');
}

async function freePorts() {
  const servers = await Promise.all(Array.from({ length: 4 }, listening));
  const found = servers.map(({ port }) => port);
  await Promise.all(servers.map(({ close }) => close()));
  const [account = 0, container = 0, object = 0, proxy = 0] = found;
  return { account, container, object, proxy };
}

async function listening(): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { port, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

async function answers(url: string, children: readonly ChildProcess[]): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS;
  for (;;) {
    const ended = children.find(({ exitCode }) => exitCode !== null);
    if (ended !== undefined) throw new Error(`${ended.spawnfile} ended with ${ended.exitCode}`);
    const isUp = await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isUp) return;
    if (Date.now() > deadline) throw new Error('Swift did not answer in time');
    await pause(100);
  }
}

/** Its whole process group: Swift's servers fork. */
async function killed(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  process.kill(-child.pid, 'SIGKILL');
  await ended;
}
