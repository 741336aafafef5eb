import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  credentials,
  makeClientConstructor,
  Server,
  ServerCredentials,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { WorkspaceContentServiceClient } from '../src/gen/ws-daemon-api/daemon.js';
import { emptyWorkspace, realDaemon } from '../test/support/real-daemon.js';
import { median, milliseconds, type Row } from './row.js';

const CALLS = 2_000;
const ROUNDS = 9;

/** A content RPC that changes nothing, against an empty echo of bare grpc-js; both over Unix sockets. */
export async function benchCalls(): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'steward-bench-'));
  const daemon = await realDaemon(folder);
  const echo = await echoServer(join(folder, 'echo.sock'));
  const content = new WorkspaceContentServiceClient(
    daemon.daemon.addresses[0] ?? '',
    credentials.createInsecure(),
  );
  try {
    await daemon.content.initWorkspace(emptyWorkspace('bench-1'));
    const ours = () =>
      new Promise<void>((resolve, reject) => {
        content.isWorkspaceExists({ id: 'bench-1' }, (error) => (error === null ? resolve() : reject(error)));
      });
    await timed(ours);
    await timed(echo.call);
    const [mine, bare]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      bare.push(await timed(echo.call));
      mine.push(await timed(ours));
    }
    const ratio = median(mine) / median(bare);
    return [
      {
        what: 'content RPC that changes nothing',
        ours: milliseconds(median(mine) / CALLS),
        against: `${milliseconds(median(bare) / CALLS)} (empty grpc-js echo)`,
        result: `${ratio.toFixed(2)} ×`,
        target: '≤ 1.5 ×',
        isMet: ratio <= 1.5,
      },
    ];
  } finally {
    content.close();
    echo.close();
    await daemon.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function timed(call: () => Promise<void>): Promise<number> {
  const start = performance.now();
  for (let index = 0; index < CALLS; index += 1) await call();
  return performance.now() - start;
}

async function echoServer(path: string) {
  const same = (bytes: Buffer) => bytes;
  const definition = {
    echo: {
      path: '/bench.Echo/Echo',
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  } satisfies ServiceDefinition;
  const server = new Server();
  server.addService(definition, {
    echo: (call: { request: Buffer }, callback: (error: null, answer: Buffer) => void) =>
      callback(null, call.request),
  });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  const Echo = makeClientConstructor(definition, 'Echo');
  const client = new Echo(`unix:${path}`, credentials.createInsecure());
  const nothing = Buffer.alloc(0);
  return {
    call: () =>
      new Promise<void>((resolve, reject) => {
        client['echo']?.(nothing, (error: Error | null) => (error === null ? resolve() : reject(error)));
      }),
    close: () => {
      client.close();
      server.forceShutdown();
    },
  };
}
