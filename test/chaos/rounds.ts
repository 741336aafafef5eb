import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isOwnerId, isWorkspaceId } from '../../machines/ids.js';
import { BackupRepository } from '../../src/content/backups.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { CloneTargetMode, GitAuthMethod } from '../../src/gen/content-service-api/initializer.js';
import {
  StartWorkspaceRequest,
  StopWorkspacePolicy,
  WorkspacePhase,
} from '../../src/gen/ws-manager-api/core.js';
import { DirectoryStorage } from '../../src/storage/directory.js';
import { difference, fingerprint } from './fingerprint.js';
import { type Clients, type System, until } from './system.js';

export interface Round {
  readonly system: System;
  readonly gitUrl: string;
  readonly name: string;
  /** Where in a step to kill, uniform in [0, 1). */
  readonly moment: number;
  readonly fileCount: number;
}

/** The kill comes at most so long after the step began. */
export const KILL_WINDOW_MS = 500;

export type RoundKind = 'set-up' | 'backup' | 'wrap-up';

/** Kills the system in the middle of one step, starts it again, and says what became of the step. */
export const rounds: Readonly<Record<RoundKind, (round: Round) => Promise<string>>> = {
  'set-up': killInSetUp,
  backup: killInBackup,
  'wrap-up': killInWrapUp,
};

async function killInSetUp(round: Round): Promise<string> {
  const { system, name } = round;
  const before = await system.start();
  const ids = { instance: `${name}-i`, workspace: `${name}-w` };
  before.manager.startWorkspace(startRequest(round, ids)).catch(() => undefined);
  const step = await killWithin(round, before, ids.instance, 'settingUp.');
  const after = await system.start();
  try {
    const status = await until(after, ids.instance, isSettled);
    if (status === undefined || status.phase === WorkspacePhase.STOPPED) {
      if (existsSync(contentOf(system, ids.instance)))
        throw new Error('a workspace that is gone left its content');
      return `at ${step}, cleanly gone`;
    }
    await expectCheckout(contentOf(system, ids.instance), round.fileCount);
    await stop(after, ids.instance);
    return `at ${step}, complete`;
  } finally {
    after.close();
  }
}

async function killInBackup(round: Round): Promise<string> {
  const { system, name } = round;
  const ids = { instance: `${name}-i`, workspace: `${name}-w` };
  const before = await system.start();
  const expected = await workIn(round, before, ids);
  before.manager.backupWorkspace({ id: ids.instance }).catch(() => undefined);
  const step = await killWithin(round, before, ids.instance, 'available.working');
  const after = await system.start();
  try {
    const status = await until(after, ids.instance, isSettled);
    if (status?.phase !== WorkspacePhase.RUNNING)
      throw new Error(`it does not run any more: ${status?.phase}`);
    expectSame('content after the restart', expected, await fingerprint(contentOf(system, ids.instance)));
    const verified = await verifyBackups(system, ids.workspace);
    await after.manager.backupWorkspace({ id: ids.instance });
    await stop(after, ids.instance);
    await expectRestored(round, after, ids.workspace, expected);
    return `at ${step}, runs on, ${verified} backups intact`;
  } finally {
    after.close();
  }
}

async function killInWrapUp(round: Round): Promise<string> {
  const { system, name } = round;
  const ids = { instance: `${name}-i`, workspace: `${name}-w` };
  const before = await system.start();
  const expected = await workIn(round, before, ids);
  before.manager
    .stopWorkspace({ id: ids.instance, policy: StopWorkspacePolicy.NORMALLY })
    .catch(() => undefined);
  const step = await killWithin(round, before, ids.instance, 'wrappingUp.');
  const after = await system.start();
  try {
    await until(
      after,
      ids.instance,
      (status) => status === undefined || status.phase === WorkspacePhase.STOPPED,
    );
    if (existsSync(contentOf(system, ids.instance)))
      throw new Error('the content is still there after the stop');
    const verified = await verifyBackups(system, ids.workspace);
    if (verified === 0) throw new Error('the content is gone and there is no backup');
    await expectRestored(round, after, ids.workspace, expected);
    return `at ${step}, stopped, ${verified} backups intact`;
  } finally {
    after.close();
  }
}

/**
 * Kills somewhere in the part of an instance's life whose steps begin with `prefix`; answers with the last step
 * anybody was told of.
 */
async function killWithin(round: Round, clients: Clients, instance: string, prefix: string): Promise<string> {
  const { system, moment } = round;
  let last = 'none';
  const stream = clients.steward.watchTransitions({
    fromSequence: 1n,
    fromSequenceByNode: {},
    instanceIds: [instance],
    follow: true,
  });
  const reached = new Promise<void>((resolve) => {
    const follow = async () => {
      for await (const { event } of stream) {
        if (event?.$case !== 'transition') continue;
        last = event.value.to;
        if (last.startsWith(prefix)) resolve();
      }
    };
    follow().catch(() => undefined);
  });
  await reached;
  await new Promise((resolve) => setTimeout(resolve, moment * KILL_WINDOW_MS));
  await system.kill();
  stream.cancel();
  clients.close();
  return last;
}

/** A running workspace with some work of its own in it. */
async function workIn(round: Round, clients: Clients, ids: { instance: string; workspace: string }) {
  await clients.manager.startWorkspace(startRequest(round, ids));
  await until(clients, ids.instance, (status) => status?.phase === WorkspacePhase.RUNNING);
  const folder = contentOf(round.system, ids.instance);
  await mkdir(join(folder, 'work'));
  for (let index = 0; index < 50; index += 1)
    await writeFile(join(folder, 'work', `${index}.txt`), `${round.name} ${index}`);
  return fingerprint(folder);
}

async function expectRestored(
  round: Round,
  clients: Clients,
  workspace: string,
  expected: readonly string[],
) {
  const instance = `${round.name}-again`;
  await clients.manager.startWorkspace(startRequest(round, { instance, workspace }));
  await until(clients, instance, (status) => status?.phase === WorkspacePhase.RUNNING);
  expectSame('restored content', expected, await fingerprint(contentOf(round.system, instance)));
  await stop(clients, instance);
}

async function stop(clients: Clients, instance: string): Promise<void> {
  await clients.manager.stopWorkspace({ id: instance, policy: StopWorkspacePolicy.NORMALLY });
  await until(clients, instance, (status) => status === undefined || status.phase === WorkspacePhase.STOPPED);
}

/** Every committed backup, read byte by byte by an uninvolved reader. */
async function verifyBackups(system: System, workspace: string): Promise<number> {
  const world = realWorld();
  const storage = new DirectoryStorage(world, {
    folder: join(system.stateFolder, 'daemon', 'objects'),
    witness: join(system.stateFolder, 'chaos-witness'),
    bucket: 'steward',
  });
  const owner = 'chaos';
  if (!isOwnerId(owner) || !isWorkspaceId(workspace)) throw new Error('no ids');
  const backups = new BackupRepository({ world, storage, user: undefined }, owner, workspace);
  const { signal } = new AbortController();
  const entries = await backups.list(signal);
  for (const { generation } of entries)
    await backups.verify(await backups.read(generation, signal), { signal });
  return entries.length;
}

function isSettled(status: { readonly phase: number } | undefined): boolean {
  return (
    status === undefined || status.phase === WorkspacePhase.RUNNING || status.phase === WorkspacePhase.STOPPED
  );
}

async function expectCheckout(folder: string, fileCount: number): Promise<void> {
  const names = (await readdir(join(folder, 'files'))).length;
  if (names !== fileCount) throw new Error(`the checkout has ${names} of ${fileCount} files`);
}

function expectSame(what: string, expected: readonly string[], found: readonly string[]): void {
  const differs = difference(expected, found);
  if (differs !== '') throw new Error(`${what} differs:\n${differs}`);
}

function contentOf(system: System, instance: string): string {
  return join(system.stateFolder, 'daemon', 'workspaces', instance);
}

function startRequest({ gitUrl }: Round, { instance, workspace }: { instance: string; workspace: string }) {
  return StartWorkspaceRequest.fromPartial({
    id: instance,
    servicePrefix: workspace,
    metadata: { owner: 'chaos', metaId: workspace },
    spec: {
      workspaceImage: 'local',
      workspaceLocation: '/workspace',
      ideImage: { webRef: 'none' },
      initializer: {
        spec: {
          $case: 'git',
          value: {
            remoteUri: gitUrl,
            targetMode: CloneTargetMode.REMOTE_HEAD,
            config: { authentication: GitAuthMethod.NO_AUTH },
          },
        },
      },
    },
  });
}
