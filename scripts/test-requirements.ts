import { spawnSync } from 'node:child_process';

/** Something a suite needs that npm does not bring. */
export interface Requirement {
  readonly name: string;
  /** The line that installs it on Debian. */
  readonly install: string;
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
  isMet: () => spawnSync('mkfs.btrfs', ['--version']).status === 0,
};

const xfs: Requirement = {
  name: 'xfs',
  install: 'apt-get install -y xfsprogs',
  isMet: () => spawnSync('mkfs.xfs', ['-V']).status === 0,
};

const needs: Readonly<Record<string, readonly Requirement[]>> = {
  unit: [git, tar],
  property: [],
  simulation: [],
  kernel: [tar, mount, btrfs, xfs],
  integration: [git, tar],
};

/** What is missing here for a suite. */
export function missingFor(suite: string): readonly Requirement[] {
  return (needs[suite] ?? []).filter((requirement) => !requirement.isMet());
}
