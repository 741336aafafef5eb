import { describe, expect, it } from 'vitest';
import { StewardError } from '../../src/errors/steward-error.js';
import {
  type LogsRequest,
  type LogsResponse,
  RuntimeServiceService,
} from '../../src/gen/steward/v1/runtime.js';
import { startServer } from '../grpc/running-server.js';
import { steward } from './support/memory-cli.js';

const OUTPUT = 'one\ntwo\nthree\n';

/** A manager that goes away after so many bytes of each answer. */
async function run(args: readonly string[], lost: readonly number[]) {
  const requests: LogsRequest[] = [];
  const { addresses } = await startServer((server) =>
    server.addService(RuntimeServiceService, {
      logs: async function* (request): AsyncGenerator<LogsResponse> {
        requests.push(request);
        const from = Number(request.offset ?? 0n);
        const length = lost[requests.length - 1];
        const data = Buffer.from(OUTPUT).subarray(from, length === undefined ? undefined : from + length);
        yield { data, offset: BigInt(from) };
        if (length !== undefined) throw new StewardError('unavailable', 'the manager is stopping');
      },
      listPorts: async () => ({ ports: [] }),
      exec: async function* () {},
    }),
  );
  const finished = await steward(['--address', addresses[0] ?? '', 'logs', 'i1', ...args]);
  return { ...finished, requests };
}

describe('logs', () => {
  it('go on where they broke off, each byte once, for who follows', async () => {
    const { stdout, code, requests, stderr } = await run(['--follow', '--tail', '9'], [5]);
    expect({ stdout, code }).toEqual({ stdout: OUTPUT, code: 0 });
    expect(requests.map(({ offset, tailLines }) => [offset, tailLines])).toEqual([
      [undefined, 9],
      [5n, undefined],
    ]);
    expect(stderr).toContain('the manager is away');
  });

  it('end with the failure for who does not', async () => {
    const { stdout, code } = await run([], [5]);
    expect({ stdout, code }).toEqual({ stdout: 'one\nt', code: 5 });
  });
});
