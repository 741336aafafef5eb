import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { GitInitializer, GitStatus } from '../../src/gen/content-service-api/initializer.js';
import { WorkspaceContentState } from '../../src/gen/ws-daemon-api/daemon.js';
import { DescribeWorkspaceResponse, PortSpec, WorkspaceStatus } from '../../src/gen/ws-manager-api/core.js';
import { RegistrationHints } from '../../src/gen/ws-manager-bridge-api/cluster-service.js';
import { files, linesOf } from './descriptor-lines.js';

/** The tables were written down from the specification of the existing services, not from our .proto files. */
const compatible = ['contentservice', 'iws', 'workspacemanagerbridge', 'wsdaemon', 'wsman'] as const;

function table(packageName: string): string[] {
  const path = join(import.meta.dirname, 'tables', `${packageName}.txt`);
  return readFileSync(path, 'utf8').trimEnd().split('\n').sort();
}

describe('the compatible services', () => {
  test.each(compatible)('%s has exactly what its table has', (packageName) => {
    expect(linesOf(packageName)).toEqual(table(packageName));
  });

  test('files are found under the paths existing clients import, with their Go packages', () => {
    const found = files
      .filter((file) => (compatible as readonly string[]).includes(file.package))
      .map((file) => `${file.name} ${file.syntax} ${file.options?.goPackage}`);
    expect(found.sort()).toEqual([
      'content-service-api/initializer.proto proto3 github.com/gitpod-io/gitpod/content-service/api',
      'ws-daemon-api/daemon.proto proto3 github.com/gitpod-io/gitpod/ws-daemon/api',
      'ws-daemon-api/workspace_daemon.proto proto3 github.com/gitpod-io/gitpod/ws-daemon/api',
      'ws-manager-api/core.proto proto3 github.com/gitpod-io/gitpod/ws-manager/api',
      'ws-manager-bridge-api/cluster-service.proto proto3 github.com/gitpod-io/gitpod/workspace-manager-bridge/api',
    ]);
  });

  test('the numbers free for nobody are in no message', () => {
    const lines = linesOf('workspacemanagerbridge');
    expect(lines.filter((line) => /^field AdmissionConstraint\.\S+ = [34] /.test(line))).toEqual([]);
    expect(lines.filter((line) => /^field UpdateRequest\.\S+ = 6 /.test(line))).toEqual([]);
    expect(linesOf('iws').filter((line) => /^field TeardownResponse\.\S+ = 1 /.test(line))).toEqual([]);
  });
});

describe('what crosses the wire', () => {
  test('JSON keeps the odd spellings', () => {
    const git = GitInitializer.fromPartial({ upstreamRemoteUri: 'https://a/b', cloneTaget: 'main' });
    expect(GitInitializer.toJSON(git)).toEqual({ upstreamRemoteUri: 'https://a/b', cloneTaget: 'main' });
    expect(
      GitStatus.toJSON(GitStatus.fromPartial({ uncommitedFiles: ['a'], totalUncommitedFiles: 1n })),
    ).toEqual({
      uncommitedFiles: ['a'],
      totalUncommitedFiles: '1',
    });
    expect(RegistrationHints.toJSON(RegistrationHints.fromPartial({ perfereability: 1 }))).toEqual({
      perfereability: 'Prefer',
    });
    expect(
      DescribeWorkspaceResponse.toJSON(DescribeWorkspaceResponse.fromPartial({ lastActivity: 'x' })),
    ).toEqual({
      lastActivity: 'x',
    });
  });

  test('versions keep all 64 bits', () => {
    const version = 2n ** 64n - 1n;
    const bytes = WorkspaceStatus.encode(WorkspaceStatus.fromPartial({ statusVersion: version })).finish();
    expect(WorkspaceStatus.decode(bytes).statusVersion).toBe(version);
  });

  test('an absent team is not an empty one', () => {
    const decode = (team: string | undefined) =>
      WorkspaceStatus.decode(
        WorkspaceStatus.encode(WorkspaceStatus.fromPartial({ metadata: { team } })).finish(),
      ).metadata?.team;
    expect(decode(undefined)).toBeUndefined();
    expect(decode('')).toBe('');
  });

  test('numbers of old peers are passed over', () => {
    // Tags are number × 8 + kind: the reserved 2 as a varint, then port (1) = 80.
    expect(PortSpec.decode(Uint8Array.of(0x10, 7, 0x08, 80))).toMatchObject({ port: 80 });
  });

  test('the content state has its four values', () => {
    const { UNRECOGNIZED: _, ...values } = WorkspaceContentState;
    expect(values).toEqual({ NONE: 0, SETTING_UP: 1, AVAILABLE: 2, WRAPPING_UP: 3 });
  });
});
