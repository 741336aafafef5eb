import { describe, expect, test } from 'vitest';
import { PortSpec } from '../../src/gen/ws-manager-api/core.js';
import { instanceRecordSchema } from '../../src/manager/instance/instance-record.js';
import { openRequest } from '../../src/manager/instance/request.js';
import { migrate } from '../../src/records/schema.js';
import { type StartChange, startRequest } from './rig.js';

/** As the version before settings, activity and timeouts wrote it. */
function versionOne(change: StartChange) {
  const { encoded, fingerprint, hasSecrets } = openRequest(startRequest(change));
  return {
    ...{ version: 7, request: encoded, fingerprint, hasSecrets, url: 'steward://instance-1' },
    life: {
      identity: { instance: 'instance-1', workspace: 'workspace-1', owner: 'owner-1' },
      ...{ kind: 'regular', begun: true, deployed: true, content: 'ready', command: { state: 'running' } },
      ...{ failure: '', disposal: 'none', generation: 2, at: 5_000, createdAt: 1_000, message: '' },
    },
  };
}

function migrated(change: StartChange) {
  const result = migrate(instanceRecordSchema, 1, versionOne(change));
  if (result.kind !== 'fits') throw new Error(result.reason);
  return result.body;
}

describe('a record of the version before', () => {
  test('goes on with the settings of its start, and as never used', () => {
    const ports = [PortSpec.fromPartial({ port: 8080, visibility: 1 })];
    const record = migrated({ spec: { timeout: '1h', closedTimeout: '0', admission: 1, ports } });
    expect(record.settings).toEqual({
      timeoutMs: 3_600_000,
      closedTimeoutMs: 0,
      lifetimeMs: undefined,
      admission: 'everyone',
      ports: [{ port: 8080, visibility: 'public', protocol: 'http' }],
      sshKeys: [],
    });
    expect(record.activity).toEqual({ first: undefined, last: undefined, closed: false });
    expect(record.life).toMatchObject({ timedOut: '', snapshot: '', stoppingAt: undefined });
  });

  test.each<StartChange>([
    { spec: { ports: [PortSpec.fromPartial({ port: 0 })] } },
    { spec: { timeout: '-1h' } },
  ])('that was taken with what is refused now is not lost for it', (change) => {
    expect(migrated(change).settings).toMatchObject({ timeoutMs: undefined, ports: [], admission: 'owner' });
  });
});
