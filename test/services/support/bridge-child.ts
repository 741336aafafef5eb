import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { realWorld } from '../../../src/gateways/real/world.js';
import { type GetInfoResponse, SystemServiceService } from '../../../src/gen/steward/v1/system.js';
import { type Channel, createChannel } from '../../../src/grpc/channel.js';
import { createClient } from '../../../src/grpc/client.js';

const SCRIPT = fileURLToPath(new URL('./bridge-process.ts', import.meta.url));

/** A bridge that a test may stop, kill and wake. */
export class BridgeChild {
  readonly process: ChildProcess;
  readonly address: string;

  /** `config` without `listen`; resolves when it serves. */
  static async start(config: object, address: string): Promise<BridgeChild> {
    const args = ['--import', 'tsx', SCRIPT, JSON.stringify({ ...config, listen: [address] })];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`the bridge ended with ${code} before it served`);
    });
    await Promise.race([once(child.stdout, 'data'), ended]);
    ended.catch(() => undefined);
    return new BridgeChild(child, address);
  }

  private constructor(child: ChildProcess, address: string) {
    this.process = child;
    this.address = address;
  }

  channel(): Channel {
    const channel = createChannel(this.address, { clock: realWorld().clock });
    onTestFinished(() => channel.close());
    return channel;
  }

  info(): Promise<GetInfoResponse> {
    return createClient(SystemServiceService, this.channel()).getInfo({}, { timeoutMs: 5_000 });
  }

  /** What it says of its right to write: '' when it has it. */
  async standsBy(): Promise<string> {
    const writer = (await this.info()).conditions.find(({ name }) => name === 'writer');
    return writer?.message ?? 'nothing';
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const ended = once(this.process, 'exit');
    this.process.kill(signal);
    await ended;
  }
}
