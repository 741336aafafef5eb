import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import {
  type DescribeClusterRequest,
  DescribeClusterResponse,
  type GetWorkspacesRequest,
  GetWorkspacesResponse,
  type SubscribeRequest,
  SubscribeResponse,
  WorkspaceManagerService,
  type WorkspaceStatus,
} from '../../../src/gen/ws-manager-api/core.js';

type Stream = ServerWritableStream<SubscribeRequest, SubscribeResponse>;

/** Called by whoever asks; `hang` is a manager that accepts and never answers. */
type Mood = 'answer' | 'hang';

/**
 * A manager on a Unix socket (or, with credentials, at a port of this machine) that tells what a test wants it to: `truth` is what its lists answer, and each
 * status sent is delivered as often as `deliveries` says (0 loses it). Like the known manager it sends no initial
 * state.
 */
export class FakeManager {
  readonly #address: string;
  readonly #credentials: ServerCredentials;
  #port = 0;
  readonly truth = new Map<string, WorkspaceStatus>();
  readonly #streams = new Set<Stream>();
  #server: Server | undefined;
  lists = 0;
  descriptions = 0;
  mood: Mood = 'answer';
  classes = DescribeClusterResponse.fromPartial({});
  deliveries: (status: WorkspaceStatus) => number = () => 1;
  /** What the lists answer. */
  listed: () => Iterable<WorkspaceStatus> = () => this.truth.values();

  constructor(path: string, credentials?: ServerCredentials) {
    this.#address = credentials === undefined ? `unix:${path}` : '127.0.0.1';
    this.#credentials = credentials ?? ServerCredentials.createInsecure();
  }

  get address(): string {
    return this.#address.startsWith('unix:') ? this.#address : `${this.#address}:${this.#port}`;
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
        if (this.mood === 'hang') return;
        answer(null, GetWorkspacesResponse.fromPartial({ status: [...this.listed()] }));
      },
      describeCluster: (
        _call: ServerUnaryCall<DescribeClusterRequest, DescribeClusterResponse>,
        answer: sendUnaryData<DescribeClusterResponse>,
      ) => {
        this.descriptions += 1;
        if (this.mood === 'answer') answer(null, this.classes);
      },
      subscribe: (call: Stream) => {
        if (this.mood === 'hang') return;
        call.sendMetadata(call.metadata.clone());
        this.#streams.add(call);
        call.on('cancelled', () => this.#streams.delete(call));
        call.on('close', () => this.#streams.delete(call));
      },
    });
    this.#port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(this.address, this.#credentials, (error, port) =>
        error ? reject(error) : resolve(port),
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
