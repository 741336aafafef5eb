import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { realWorld } from '../../src/gateways/real/world.js';
import { ContentServiceService } from '../../src/gen/steward/v1/content_service.js';
import { WorkspaceManagerService, type WorkspaceStatus } from '../../src/gen/ws-manager-api/core.js';
import { createChannel } from '../../src/grpc/channel.js';
import { createClient } from '../../src/grpc/client.js';

const PROGRAM = join(import.meta.dirname, '..', '..', 'bin', 'steward.js');
const CALL_MS = 120_000;

/** The whole system as `npm start` runs it, in a process that can be killed at any moment. */
export class System {
  readonly stateFolder: string;
  readonly #configs: readonly string[];
  #process: ChildProcess | undefined;

  constructor(stateFolder: string, configs: readonly string[] = []) {
    this.stateFolder = stateFolder;
    this.#configs = configs;
  }

  /** Starts it and answers with clients of the running programs. */
  async start() {
    const child = spawn(
      process.execPath,
      [PROGRAM, '--json', '--state', this.stateFolder, 'up', ...this.#configs],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#process = child;
    const errors: string[] = [];
    createInterface(child.stderr).on('line', (line) => errors.push(line));
    const ready = new Promise<{ addresses: Record<'daemon' | 'manager', string> }>((resolve, reject) => {
      createInterface(child.stdout).on('line', (line) => {
        const said: unknown = JSON.parse(line);
        if (isReady(said)) resolve(said);
      });
      child.once('exit', (code, signal) => {
        reject(new Error(`the system ended with ${code ?? signal}:\n${errors.slice(-20).join('\n')}`));
      });
    });
    const { addresses } = await ready;
    const { clock } = realWorld();
    const channels = [
      createChannel(addresses.daemon, { clock }),
      createChannel(addresses.manager, { clock }),
    ] as const;
    return {
      steward: createClient(ContentServiceService, channels[0], { timeoutMs: CALL_MS }),
      manager: createClient(WorkspaceManagerService, channels[1], { timeoutMs: CALL_MS }),
      close: () => {
        for (const channel of channels) channel.close();
      },
    };
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
}

export type Clients = Awaited<ReturnType<System['start']>>;

/** Polls the manager until it says so; fails after a minute with the last status. */
export async function until(
  clients: Clients,
  instance: string,
  isSo: (status: WorkspaceStatus | undefined) => boolean,
): Promise<WorkspaceStatus | undefined> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const { status } = await clients.manager.getWorkspaces({ mustMatch: undefined });
    const found = status.find(({ id }) => id === instance);
    if (isSo(found)) return found;
    if (Date.now() > deadline)
      throw new Error(
        `instance ${instance} did not get there: ${JSON.stringify(found?.phase)} ${found?.message ?? ''}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function isReady(said: unknown): said is { ready: true; addresses: Record<'daemon' | 'manager', string> } {
  return typeof said === 'object' && said !== null && 'ready' in said && 'addresses' in said;
}
