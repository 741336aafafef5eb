import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { VERBS } from '../../src/cli/verbs.js';
import { WorkspaceManagerService, WorkspaceStatus } from '../../src/gen/ws-manager-api/core.js';
import type { Handlers } from '../../src/grpc/service-types.js';
import { startServer } from '../grpc/running-server.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { steward } from './support/memory-cli.js';

async function words(
  typed: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  const { code, stdout, stderr } = await steward(['completion', 'words', '--', ...typed], { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.split('\n').filter((word) => word !== '');
}

describe('the words that may come next', () => {
  it('are the verbs at first', async () => {
    expect(await words([''])).toEqual(VERBS.map(({ name }) => name).sort());
    expect(await words(['st'])).toEqual(['start', 'stop']);
    expect(await words(['--json', '--state', 'list', 'wh'])).toEqual(['why']);
  });

  it('are the options of the verb and those of all', async () => {
    expect(await words(['recover', 'i1', '--re'])).toEqual(['--reason', '--resume', '--retry']);
    expect(await words(['list', '--tls'])).toEqual([
      '--tls-ca',
      '--tls-cert',
      '--tls-key',
      '--tls-server-name',
    ]);
  });

  it('are the choices where there are some', async () => {
    expect(await words(['stop', 'i1', '--policy', ''])).toEqual(['abort', 'immediately', 'normally']);
    expect(await words(['admission', 'i1', 'e'])).toEqual(['everyone']);
  });

  it('are the verbs below a verb, without those that are for scripts', async () => {
    expect(await words(['completion', ''])).toEqual(['bash', 'fish', 'zsh']);
    expect(await words(['content', 'w'])).toEqual(['wait']);
  });

  it('are contexts', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'steward', 'contexts'), { recursive: true });
    await writeFile(join(folder, 'steward', 'contexts', 'far.json'), '{}');
    expect(await words(['list', '--context', ''], { XDG_CONFIG_HOME: folder })).toEqual(['far']);
  });

  it('are nothing for a command of the workspace, an unknown verb, or where nobody answers', async () => {
    expect(await words(['exec', 'i1', '--', 'gi'])).toEqual([]);
    expect(await words(['nonsense', ''])).toEqual([]);
    expect(await words(['--address', 'localhost:1', 'stop', ''])).toEqual([]);
    expect(await words(['--address', 'nonsense', 'stop', ''])).toEqual([]);
  });

  it('are the instances and workspaces of the manager that is meant', async () => {
    const { addresses } = await startServer((server) => {
      server.addService(WorkspaceManagerService, managerOf(['i1', 'i2', 'j1']));
    });
    const at = ['--address', addresses[0] ?? ''];
    expect(await words([...at, 'stop', 'i'])).toEqual(['i1', 'i2']);
    expect(await words([...at, 'stop', 'i1', ''])).toEqual([]);
    expect(await words([...at, 'restore', 'w@1', '--into', ''])).toEqual(['i1', 'i2', 'j1']);
  });
});

function managerOf(ids: readonly string[]): Handlers<WorkspaceManagerService> {
  const refuse = async () => Promise.reject(new Error('not asked for here'));
  return {
    getWorkspaces: async () => ({ status: ids.map((id) => WorkspaceStatus.fromPartial({ id })) }),
    subscribe: async function* () {},
    ...{ startWorkspace: refuse, stopWorkspace: refuse, describeWorkspace: refuse, backupWorkspace: refuse },
    ...{ markActive: refuse, setTimeout: refuse, controlPort: refuse, takeSnapshot: refuse },
    ...{
      controlAdmission: refuse,
      deleteVolumeSnapshot: refuse,
      updateSshKey: refuse,
      describeCluster: refuse,
    },
  };
}

/**
 * A command that answers as ours does, for shells to ask: with what was typed, and how many words that was. Run
 * otherwise it says how it was called.
 */
const COMMAND = `#!/bin/sh
case "$1" in
  completion) shift 3; typed=$#; while [ $# -gt 1 ]; do shift; done; printf '%s\\n' "$1""first-of-$typed" ;;
  *) printf '%s\\n' "$*" >> "$0.called" ;;
esac
`;

async function folderWithCommand() {
  const folder = await temporaryFolder();
  const path = join(folder, 'steward');
  await writeFile(path, COMMAND);
  await chmod(path, 0o755);
  const { PATH = '' } = process.env;
  return { folder, env: { PATH: `${folder}:${PATH}`, HOME: folder, TERM: 'xterm' } };
}

async function shellWith(program: string, script: string): Promise<string> {
  const { env } = await folderWithCommand();
  return (await promisify(execFile)(program, ['-c', script], { env })).stdout;
}

async function hasShell(program: string): Promise<boolean> {
  return promisify(execFile)(program, ['--version']).then(
    () => true,
    () => false,
  );
}

/** Runs where the shell is, and says so where it is not. */
async function inShell(shell: string, name: string, body: () => Promise<void>): Promise<void> {
  const isThere = await hasShell(shell);
  if (!isThere) console.warn(`completion in ${shell}: NOT RUN, ${shell} is not here`);
  it.skipIf(!isThere)(isThere ? name : `${name}: NOT RUN, ${shell} is not here`, body);
}

describe('the scripts for shells', async () => {
  it.each(['bash', 'zsh', 'fish'])('ask the command, in %s', async (shell) => {
    const { stdout } = await steward(['completion', shell]);
    expect(stdout).toContain('steward completion words --');
  });

  await inShell('bash', 'complete in bash, empty words included', async () => {
    const { stdout } = await steward(['completion', 'bash']);
    const typed = 'COMP_WORDS=(steward stop ""); COMP_CWORD=2; _steward; declare -p COMPREPLY';
    expect(await shellWith('bash', `${stdout}\n${typed}`)).toContain('([0]="first-of-2")');
  });

  await inShell('fish', 'complete in fish, empty words included', async () => {
    const { stdout } = await steward(['completion', 'fish']);
    const asked = `complete -C 'steward stop '; complete -C 'steward why fi'; complete -C 'steward '`;
    const found = await shellWith('fish', `${stdout}\n${asked}`);
    expect(found).toBe('first-of-2\nfifirst-of-2\nfirst-of-1\n');
    // Files only where the command knows no word.
    const nothing = `function steward; end; cd ~; complete -C 'steward daemon --config '`;
    expect(await shellWith('fish', `${stdout}\n${nothing}`)).toBe('steward\n');
  });

  await inShell('zsh', 'complete in zsh as a user types, empty words included', async () => {
    const { stdout } = await steward(['completion', 'zsh']);
    const { folder, env } = await folderWithCommand();
    await writeFile(join(folder, 'completion'), stdout);
    await writeFile(join(folder, '.zshrc'), `autoload -Uz compinit; compinit -u -D; source ~/completion`);
    // A terminal of its own, in which somebody types, presses Tab and Enter.
    const typing = `zmodload zsh/zpty; zpty shell zsh -i
zpty -w -n shell $'steward stop \\t\\nsteward why x\\t\\nexit\\n'
while zpty -r shell said; do :; done`;
    await promisify(execFile)('zsh', ['-f', '-c', typing], { env, timeout: 20_000 });
    const called = await readFile(join(folder, 'steward.called'), 'utf8');
    expect(called).toBe('stop first-of-2\nwhy xfirst-of-2\n');
  });
});
