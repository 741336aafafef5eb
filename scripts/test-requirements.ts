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

const needs: Readonly<Record<string, readonly Requirement[]>> = {
  unit: [git, tar],
  property: [],
  simulation: [],
  integration: [git, tar],
};

/** What is missing here for a suite. */
export function missingFor(suite: string): readonly Requirement[] {
  return (needs[suite] ?? []).filter((requirement) => !requirement.isMet());
}
