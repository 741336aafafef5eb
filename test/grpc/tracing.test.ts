import { expect, test } from 'vitest';
import { StewardError } from '../../src/errors/steward-error.js';
import {
  InitWorkspaceRequest,
  InitWorkspaceResponse,
  WorkspaceContentServiceService as service,
} from '../../src/gen/ws-daemon-api/daemon.js';
import { createClient } from '../../src/grpc/client.js';
import type { Handlers } from '../../src/grpc/service-types.js';
import { collectedTracing } from '../support/span-collector.js';
import { startServer } from './running-server.js';

const other = async () => {
  throw new StewardError('not-implemented', 'not part of this test');
};

test('a call is a span of the server below that of its caller, with the ids of the request and nothing else of it', async () => {
  const { collector, tracing } = await collectedTracing('test');
  const { tracer } = tracing;
  const handlers: Handlers<typeof service> = {
    initWorkspace: async () => tracer.span('work', {}, async () => InitWorkspaceResponse.fromPartial({})),
    ...{ waitForInit: other, takeSnapshot: other, disposeWorkspace: other, backupWorkspace: other },
    isWorkspaceExists: other,
  };
  const { connect } = await startServer((server) => server.addService(service, handlers), { tracer });
  const client = createClient(service, connect({ tracer }));
  const request = InitWorkspaceRequest.fromPartial({
    id: 'i-1',
    metadata: { owner: 'owner-1', metaId: 'ws-1' },
    initializer: { spec: { $case: 'git', value: { config: { authPassword: 'a-secret' } } } },
  });
  await tracer.span('caller', {}, () => client.initWorkspace(request));
  const failing = client.isWorkspaceExists({ id: 'x'.repeat(5_000) });
  await expect(failing).rejects.toMatchObject({ code: 'not-implemented' });
  await tracing.close();

  const named = Object.fromEntries(collector.spans.map((span) => [span.name, span]));
  const { caller, work } = named;
  const name = 'wsdaemon.WorkspaceContentService';
  const call = named[`${name}/InitWorkspace`];
  expect(call).toMatchObject({ traceId: caller?.traceId, parentSpanId: caller?.spanId, status: 0 });
  expect(call?.attributes).toEqual({
    'rpc.system': 'grpc',
    'rpc.service': name,
    'rpc.method': 'InitWorkspace',
    'steward.instance': 'i-1',
    'steward.workspace': 'ws-1',
    'steward.owner': 'owner-1',
  });
  expect(work).toMatchObject({ traceId: caller?.traceId, parentSpanId: call?.spanId });
  const alone = named[`${name}/IsWorkspaceExists`];
  expect(alone).toMatchObject({
    parentSpanId: '',
    status: 2,
    attributes: { 'error.type': 'not-implemented' },
  });
  expect(collector.bodies.join()).not.toMatch(/a-secret|x{1000}/);
});
