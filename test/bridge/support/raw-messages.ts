import { join } from 'node:path';
import { Server, ServerCredentials, type ServerWritableStream, type sendUnaryData } from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import { WorkspaceManagerService } from '../../../src/gen/ws-manager-api/core.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

/** What a call of it is answered: bytes as they go over the wire, whatever they are. */
type Bytes = Uint8Array;

const asTheyAre = (bytes: Bytes) => Buffer.from(bytes);

/** A manager that sends any bytes as messages, on a Unix socket, gone after the test. */
export class RawManager {
  readonly #streams = new Set<ServerWritableStream<unknown, Bytes>>();
  readonly address: string;
  /** Answer to each list, and to each question what the cluster offers. */
  list: Bytes = Buffer.alloc(0);
  description: Bytes = Buffer.alloc(0);
  lists = 0;
  subscriptions = 0;

  static async start(): Promise<RawManager> {
    const manager = new RawManager(`unix:${join(await temporaryFolder(), 'raw.sock')}`);
    const server = new Server();
    const { getWorkspaces, subscribe, describeCluster } = WorkspaceManagerService;
    server.addService(
      {
        getWorkspaces: { ...getWorkspaces, responseSerialize: asTheyAre },
        subscribe: { ...subscribe, responseSerialize: asTheyAre },
        describeCluster: { ...describeCluster, responseSerialize: asTheyAre },
      },
      {
        getWorkspaces: (_call: unknown, answer: sendUnaryData<Bytes>) => {
          manager.lists += 1;
          answer(null, manager.list);
        },
        describeCluster: (_call: unknown, answer: sendUnaryData<Bytes>) => answer(null, manager.description),
        subscribe: (call: ServerWritableStream<unknown, Bytes>) => {
          manager.subscriptions += 1;
          call.sendMetadata(call.metadata.clone());
          manager.#streams.add(call);
          call.on('close', () => manager.#streams.delete(call));
          call.on('cancelled', () => manager.#streams.delete(call));
        },
      },
    );
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(manager.address, ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      );
    });
    onTestFinished(() => server.forceShutdown());
    return manager;
  }

  private constructor(address: string) {
    this.address = address;
  }

  send(message: Bytes): void {
    for (const stream of this.#streams) stream.write(message);
  }
}
