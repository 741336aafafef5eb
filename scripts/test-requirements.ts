import { spawnSync } from 'node:child_process';
import { isMariadbHere } from '../test/support/mariadb.js';
import { redisProgram } from '../test/support/redis.js';

/** Something a suite needs that npm does not bring. */
export interface Requirement {
  readonly name: string;
  /** The line that installs it on Debian. */
  readonly install: string;
  /** Packages of Debian that bring it, where that is all it takes. */
  readonly packages?: readonly string[];
  readonly isMet: () => boolean;
}

const git: Requirement = {
  name: 'git',
  install: 'apt-get install -y git',
  isMet: () => spawnSync('git', ['--version']).status === 0,
};

const tar: Requirement = {
  name: 'GNU tar',
  install: 'apt-get install -y tar',
  isMet: () => String(spawnSync('tar', ['--version']).stdout).includes('GNU tar'),
};

const mount: Requirement = {
  name: 'a user who may mount overlays and images',
  install: 'sudo npm test kernel',
  isMet: () => spawnSync('unshare', ['--mount', 'sh', '-c', TRY_OVERLAY]).status === 0,
};

const TRY_OVERLAY =
  'mount -t tmpfs none /mnt && cd /mnt && mkdir l u w m && mount -t overlay o -o lowerdir=l,upperdir=u,workdir=w m';

const btrfs: Requirement = {
  name: 'btrfs',
  install: 'apt-get install -y btrfs-progs',
  packages: ['btrfs-progs'],
  isMet: () => spawnSync('mkfs.btrfs', ['--version']).status === 0,
};

const xfs: Requirement = {
  name: 'xfs',
  install: 'apt-get install -y xfsprogs',
  packages: ['xfsprogs'],
  isMet: () => spawnSync('mkfs.xfs', ['-V']).status === 0,
};

const gitLfs: Requirement = {
  name: 'Git LFS',
  install: 'apt-get install -y git-lfs',
  packages: ['git-lfs'],
  isMet: () => spawnSync('git-lfs', ['version']).status === 0,
};

/** Only its library: the packages of its servers would start them. */
const swift: Requirement = {
  name: 'OpenStack Swift (or an S3 server named by STEWARD_TEST_S3_ENDPOINT and its keys)',
  install: 'apt-get install -y --no-install-recommends python3-swift',
  packages: ['python3-swift'],
  isMet: () =>
    process.env['STEWARD_TEST_S3_ENDPOINT'] !== undefined ||
    spawnSync('/usr/bin/python3', ['-c', 'import swift.common.middleware.s3api']).status === 0,
};

/** Only its programs: the packages of Debian's servers would start them. */
const mariadb: Requirement = {
  name: 'MariaDB (or a server named by STEWARD_TEST_MYSQL_URL)',
  install: 'apt-get install -y --no-install-recommends mariadb-server-core mariadb-client-core',
  packages: ['mariadb-server-core', 'mariadb-client-core'],
  isMet: () => process.env['STEWARD_TEST_MYSQL_URL'] !== undefined || isMariadbHere(),
};

/** Debian's server is the same program as its tools. */
const redis: Requirement = {
  name: 'Redis (or a server named by STEWARD_TEST_REDIS_URL)',
  install: 'apt-get install -y --no-install-recommends redis-tools',
  packages: ['redis-tools'],
  isMet: () => process.env['STEWARD_TEST_REDIS_URL'] !== undefined || redisProgram() !== undefined,
};

const needs: Readonly<Record<string, readonly Requirement[]>> = {
  unit: [git, tar],
  property: [],
  simulation: [],
  storage: [swift],
  services: [mariadb, redis],
  kernel: [git, tar, mount, btrfs, xfs, gitLfs],
  integration: [git, tar],
};

/** What is missing here for a suite. */
export function missingFor(suite: string): readonly Requirement[] {
  return (needs[suite] ?? []).filter((requirement) => !requirement.isMet());
}

/** Installing may take this long; then the suite counts as one that cannot run here. */
const INSTALL_DEADLINE_MS = 240_000;

/** As root on Debian: gets what packages bring, quietly, and says so. */
export function install(missing: readonly Requirement[]): void {
  const packages = missing.flatMap((requirement) => requirement.packages ?? []);
  const isRoot = process.getuid?.() === 0;
  if (packages.length === 0 || !isRoot || spawnSync('apt-get', ['--version']).status !== 0) return;
  console.log(`\n== installing ${packages.join(' ')}`);
  const options = {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: 'ignore',
    timeout: INSTALL_DEADLINE_MS,
  } as const;
  spawnSync('apt-get', ['update', '-qq'], options);
  spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], options);
}
