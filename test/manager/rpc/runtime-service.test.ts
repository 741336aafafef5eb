import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ExecRequest, LogsResponse } from '../../../src/gen/steward/v1/runtime.js';
import { EXEC_START_MS, LOG_READERS_PER_INSTANCE_MAX } from '../../../src/manager/bounds.js';
import { runtimeHandlers } from '../../../src/manager/rpc/runtime-service.js';
import { EXECS_MAX } from '../../../src/runtime/bounds.js';
import { noForwarding } from '../../support/no-forwarding.js';
import { Rig, startRequest } from '../rig.js';

let rig: Rig;
let handlers: ReturnType<typeof runtimeHandlers>;

beforeEach(async () => {
  rig = new Rig();
  await rig.start();
  for (const name of ['1', '2']) {
    const start = startRequest({ id: `instance-${name}`, metadata: { metaId: `workspace-${name}` } });
    await rig.within(rig.rpc.startWorkspace(start, rig.call()));
  }
  handlers = runtimeHandlers({
    clock: rig.clock,
    instances: rig.core.instances,
    ports: noForwarding,
    runtime: {
      logs: async function* () {
        yield { offset: 0, data: Buffer.from('said') };
        await new Promise(() => {});
      },
      exec: () => Promise.reject(new Error('nobody comes this far')),
    },
  });
});
afterEach(() => rig.kill());

/** Somebody who follows the output of an instance, from the first piece on. */
async function follow(instanceId: string): Promise<AsyncIterator<LogsResponse>> {
  const request = { instanceId, follow: true, tailLines: undefined, offset: undefined };
  const reader = handlers.logs(request, rig.call())[Symbol.asyncIterator]();
  await reader.next();
  return reader;
}

async function* silence(): AsyncGenerator<ExecRequest> {
  yield await new Promise<ExecRequest>(() => {});
}

describe('readers of output', () => {
  test('beyond so many of one instance are refused, until one of them leaves; those of others are not', async () => {
    const readers = [];
    while (readers.length < LOG_READERS_PER_INSTANCE_MAX) readers.push(await follow('instance-1'));
    await expect(follow('instance-1')).rejects.toMatchObject({ code: 'overloaded' });
    await follow('instance-2');
    await readers[0]?.return?.();
    await follow('instance-1');
  });
});

describe('a caller of Exec that does not say what is to be run', () => {
  test('is told that it took too long', async () => {
    const answer = handlers.exec(silence(), rig.call())[Symbol.asyncIterator]().next();
    const expected = expect(answer).rejects.toMatchObject({ code: 'deadline-exceeded' });
    await rig.clock.advance(EXEC_START_MS);
    await expected;
  });

  test('takes a place as long as it waits', async () => {
    const call = () => handlers.exec(silence(), rig.call())[Symbol.asyncIterator]().next();
    const waiting = Array.from({ length: EXECS_MAX }, () => call().catch(({ code }) => code));
    await expect(call()).rejects.toMatchObject({ code: 'overloaded' });
    await rig.clock.advance(EXEC_START_MS);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['deadline-exceeded']));
    const again = call();
    const expected = expect(again).rejects.toMatchObject({ code: 'deadline-exceeded' });
    await rig.clock.advance(EXEC_START_MS);
    await expected;
  });
});
