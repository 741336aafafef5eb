import { describe, expect, it } from 'vitest';
import { BridgedManagerService } from '../../../src/bridge/clusters/manager-service.js';
import { GetWorkspacesResponse } from '../../../src/gen/ws-manager-api/core.js';
import { statusOf } from '../support/statuses.js';

const { responseDeserialize } = BridgedManagerService.getWorkspaces;
const listed = ['i-0', 'i-1', 'i-2'].map((id) => statusOf({ id, version: 3n, phase: 'running' }));
const encoded = GetWorkspacesResponse.encode({ status: listed }).finish();

describe('a list of statuses', () => {
  it('is what the manager says, status by status', () => {
    expect([...responseDeserialize(encoded).status]).toEqual(listed);
    expect([...responseDeserialize(new Uint8Array()).status]).toEqual([]);
  });

  it('passes over what managers of the future add to it', () => {
    const message = [0x12, 2, 8, 1];
    const number = [0x18, 5];
    const bytes = Uint8Array.from([...message, ...encoded, ...number]);
    expect([...responseDeserialize(bytes).status]).toEqual(listed);
  });

  it('tells where it cannot be decoded any more, after what could be', () => {
    const seen: string[] = [];
    const take = () => {
      for (const { id } of responseDeserialize(encoded.subarray(0, encoded.length - 1)).status) seen.push(id);
    };
    expect(take).toThrowError(expect.objectContaining({ code: 'internal' }));
    expect(seen).toEqual(['i-0', 'i-1']);
  });
});
