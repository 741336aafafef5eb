import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import {
  type GetWorkspacesRequest,
  GetWorkspacesResponse,
  type SubscribeRequest,
  SubscribeResponse,
  WorkspaceManagerService,
  type WorkspaceStatus,
} from '../../../src/gen/ws-manager-api/core.js';

type Stream = ServerWritableStream<SubscribeRequest, SubscribeResponse>;

/**
 * A manager on a Unix socket that tells what a test wants it to: `truth` is what its lists answer, and each
 * status sent is delivered as often as `deliveries` says (0 loses it). Like the known manager it sends no initial
 * state.
 */
export class FakeManager {
  readonly #path: string;
  readonly truth = new Map<string, WorkspaceStatus>();
  readonly #streams = new Set<Stream>();
  #server: Server | undefined;
  lists = 0;
  deliveries: (status: WorkspaceStatus) => number = () => 1;

  constructor(path: string) {
    this.#path = path;
  }

  get address(): string {
    return `unix:${this.#path}`;
  }

  get subscribers(): number {
    return this.#streams.size;
  }

  async start(): Promise<void> {
    const server = new Server();
    server.addService(WorkspaceManagerService, {
      getWorkspaces: (
        _call: ServerUnaryCall<GetWorkspacesRequest, GetWorkspacesResponse>,
        answer: sendUnaryData<GetWorkspacesResponse>,
      ) => {
        this.lists += 1;
        answer(null, GetWorkspacesResponse.fromPartial({ status: [...this.truth.values()] }));
      },
      subscribe: (call: Stream) => {
        call.sendMetadata(call.metadata.clone());
        this.#streams.add(call);
        call.on('cancelled', () => this.#streams.delete(call));
        call.on('close', () => this.#streams.delete(call));
      },
    });
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(this.address, ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      );
    });
    this.#server = server;
  }

  /** As a crash looks from outside. */
  stop(): void {
    this.#server?.forceShutdown();
    this.#streams.clear();
  }

  set(status: WorkspaceStatus): void {
    this.truth.set(status.id, status);
    for (let times = this.deliveries(status); times > 0; times -= 1) this.deliver(status);
  }

  deliver(status: WorkspaceStatus): void {
    for (const stream of this.#streams) stream.write(SubscribeResponse.fromPartial({ status }));
  }

  cutStreams(): void {
    for (const stream of this.#streams) stream.end();
    this.#streams.clear();
  }
}
