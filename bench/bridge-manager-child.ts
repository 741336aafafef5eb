import { createInterface } from 'node:readline';
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import {
  AdmissionLevel,
  WorkspaceConditionBool,
  WorkspaceManagerService,
  WorkspacePhase,
  WorkspaceStatus,
  WorkspaceType,
} from '../src/gen/ws-manager-api/core.js';
import { sameBytes } from './bare-stream.js';
import { idOf, ownerOf, workspaceOf } from './bridge-names.js';

/**
 * A manager of many instances that only tells: what it is asked for by lines of JSON, as messages that were
 * encoded before the clock starts. Its lists are `truth`; a subscription begins with nothing, like the known one's.
 */
export type ManagerOrder =
  /** Makes `count` instances the truth, in this phase, without telling anybody; the last `changed` get a newer version. */
  | { readonly do: 'know'; readonly count: number; readonly changed: number; readonly phase: PhaseName }
  /** Tells of `count` instances, one after the other through all `phases`, `rounds` times. */
  | {
      readonly do: 'tell';
      readonly count: number;
      readonly phases: readonly PhaseName[];
      readonly rounds: number;
    }
  /** Tells of one instance after the other, one each `everyMs`, once somebody has subscribed. */
  | { readonly do: 'pace'; readonly from: number; readonly count: number; readonly everyMs: number }
  /** Ends all subscriptions. */
  | { readonly do: 'cut' };

/** What it says when it has done so; times are milliseconds since the epoch. */
export interface ManagerAnswer {
  readonly know: object;
  readonly tell: { readonly startedAt: number; readonly updates: number };
  /** When each instance was told of. */
  readonly pace: { readonly sent: Readonly<Record<string, number>> };
  readonly cut: { readonly cutAt: number };
}

export type PhaseName = 'creating' | 'running' | 'stopping' | 'stopped' | 'pending' | 'initializing';

const phases: Readonly<Record<PhaseName, WorkspacePhase>> = {
  pending: WorkspacePhase.PENDING,
  creating: WorkspacePhase.CREATING,
  initializing: WorkspacePhase.INITIALIZING,
  running: WorkspacePhase.RUNNING,
  stopping: WorkspacePhase.STOPPING,
  stopped: WorkspacePhase.STOPPED,
};

type Stream = ServerWritableStream<Buffer, Buffer>;

const [socket = ''] = process.argv.slice(2);
const streams = new Set<Stream>();
const truth = new Map<number, Buffer>();
let version = 1_000n;

const server = new Server();
const { subscribe, getWorkspaces } = WorkspaceManagerService;
const bytes = { requestDeserialize: sameBytes, responseSerialize: sameBytes };
server.addService(
  { subscribe: { ...subscribe, ...bytes }, getWorkspaces: { ...getWorkspaces, ...bytes } },
  {
    subscribe: (call: Stream) => {
      call.sendMetadata(call.metadata.clone());
      streams.add(call);
      for (const event of ['cancelled', 'close']) call.on(event, () => streams.delete(call));
      say({ subscribedAt: now() });
    },
    getWorkspaces: (_: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
      answer(null, Buffer.concat([...truth.values()].map(framed)));
    },
  },
);
await new Promise<void>((resolve, reject) => {
  server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) =>
    error === null ? resolve() : reject(error),
  );
});
say({ ready: true });
for await (const line of createInterface(process.stdin)) await obey(JSON.parse(line));
server.forceShutdown();

async function obey(order: ManagerOrder): Promise<void> {
  switch (order.do) {
    case 'know':
      return know(order);
    case 'tell':
      return tell(order);
    case 'pace':
      return pace(order);
    case 'cut':
      return cut();
  }
}

function know({ count, changed, phase }: ManagerOrder & { do: 'know' }): void {
  for (let index = 0; index < count; index += 1) {
    if (truth.has(index) && index < count - changed) continue;
    truth.set(index, status(index, phase, changed > 0 ? 'final' : ''));
  }
  for (const index of truth.keys()) if (index >= count) truth.delete(index);
  say({ did: 'know' });
}

async function tell({ count, phases: names, rounds }: ManagerOrder & { do: 'tell' }): Promise<void> {
  const messages: Buffer[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const [step, phase] of names.entries()) {
      const isLast = round === rounds - 1 && step === names.length - 1;
      for (let index = 0; index < count; index += 1) {
        const encoded = status(index, phase, isLast ? 'final' : `round ${round}`);
        if (isLast) truth.set(index, encoded);
        messages.push(framed(encoded));
      }
    }
  }
  const startedAt = now();
  for (const message of messages) await write(message);
  say({ did: 'tell', startedAt, updates: messages.length });
}

async function pace({ from, count, everyMs }: ManagerOrder & { do: 'pace' }): Promise<void> {
  const sent: Record<string, number> = {};
  while (streams.size === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const begin = performance.now();
  for (let index = 0; index < count; index += 1) {
    const wait = begin + index * everyMs - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const message = framed(status(from + index, 'running', 'paced'));
    sent[idOf(from + index)] = now();
    await write(message);
  }
  say({ did: 'pace', sent });
}

function cut(): void {
  const cutAt = now();
  for (const stream of streams) stream.end();
  say({ did: 'cut', cutAt });
}

async function write(message: Buffer): Promise<void> {
  for (const stream of streams) {
    if (stream.write(message)) continue;
    await new Promise<void>((resolve) => {
      const proceed = () => {
        for (const event of ['drain', 'cancelled']) stream.off(event, proceed);
        resolve();
      };
      for (const event of ['drain', 'cancelled']) stream.on(event, proceed);
    });
  }
}

/** As field 1 of SubscribeResponse or GetWorkspacesResponse, which is the same on the wire. */
function framed(encoded: Buffer): Buffer {
  const length: number[] = [];
  let rest = encoded.length;
  for (; rest > 127; rest >>>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([10, ...length, rest]), encoded]);
}

/** About what a real instance has to tell. */
function status(index: number, phase: PhaseName, message: string): Buffer {
  version += 1n;
  const id = idOf(index);
  const { TRUE, FALSE, EMPTY } = WorkspaceConditionBool;
  const told = WorkspaceStatus.fromPartial({
    ...{ id, statusVersion: version, phase: phases[phase], message },
    metadata: {
      ...{ owner: ownerOf(index), metaId: workspaceOf(index), startedAt: new Date(1_760_000_000_000) },
      annotations: { 'steward.dev/class': 'regular', 'steward.dev/team': 'bench' },
      metrics: { image: { totalSize: 5_000_000_000n, workspaceImageSize: 1_000_000_000n } },
    },
    spec: {
      ...{ workspaceImage: 'registry.example/workspace-images:4f1d0cb2', url: `https://${id}.example` },
      ...{ type: WorkspaceType.REGULAR, timeout: '30m0s', class: 'regular' },
      exposedPorts: [{ port: 8_080, url: `https://8080-${id}.example` }],
    },
    conditions: {
      ...{ pullingImages: FALSE, deployed: TRUE, stoppedByRequest: EMPTY, networkNotReady: FALSE },
      firstUserActivity: phase === 'running' ? new Date(1_760_000_100_000) : undefined,
    },
    runtime: { nodeName: 'node-17', podName: `ws-${id}`, nodeIp: '10.1.2.3' },
    auth: { admission: AdmissionLevel.ADMIT_OWNER_ONLY, ownerToken: 'x'.repeat(32) },
  });
  return Buffer.from(WorkspaceStatus.encode(told).finish());
}

/** Comparable over processes. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

function say(line: object): void {
  console.log(JSON.stringify(line));
}
