import { describe, expect, test } from 'vitest';
import { catalog } from '../../src/errors/catalog.js';
import { StewardError } from '../../src/errors/steward-error.js';
import { WorkspaceContentState } from '../../src/gen/ws-daemon-api/daemon.js';
import { toWireStatus } from '../../src/grpc/error-status.js';
import {
  knownEnum,
  nonNegative,
  optionalText,
  pageSize,
  requiredInstanceId,
  requiredMessage,
  requiredOwnerId,
  requiredText,
  requiredWorkspaceId,
} from '../../src/grpc/validation.js';

const refused = (problem: string) =>
  expect.objectContaining({ code: 'invalid-argument', message: expect.stringContaining(problem) });

describe('ids', () => {
  test.each([
    ['nothing', '', 'is empty'],
    ['a slash', 'a/b', 'may hold only'],
    ['dots alone', '..', 'may hold only'],
    ['dots inside', 'a..b', 'must not contain ".."'],
    ['a zero byte', 'a\u0000b', 'may hold only'],
    ['a line feed', 'a\nb', 'may hold only'],
    ['10 000 letters', 'x'.repeat(10_000), 'is longer than 128'],
  ])('of %s are refused with the field and the reason', (_, id, problem) => {
    for (const check of [requiredInstanceId, requiredWorkspaceId, requiredOwnerId]) {
      expect(() => check(id, 'metadata.owner')).toThrow(refused(`metadata.owner ${problem}`));
    }
  });

  test('that can be ids come back', () => {
    expect(requiredInstanceId('0ab1-2', 'id')).toBe('0ab1-2');
  });
});

describe('other fields', () => {
  test('texts have bounds and no control characters', () => {
    expect(requiredText('why not', 'reason')).toBe('why not');
    expect(optionalText('', 'reason')).toBe('');
    expect(() => requiredText('', 'reason')).toThrow(refused('reason is empty'));
    expect(() => optionalText('x'.repeat(11), 'reason', 10)).toThrow(refused('longer than 10'));
    expect(() => optionalText('a\u001b[2Jb', 'reason')).toThrow(refused('control characters'));
  });

  test('messages must be there', () => {
    expect(requiredMessage({ a: 1 }, 'metadata')).toEqual({ a: 1 });
    expect(() => requiredMessage(undefined, 'metadata')).toThrow(refused('metadata is missing'));
  });

  test('numbers of 64 bits must fit', () => {
    expect(nonNegative(2n ** 53n - 1n, 'bytes')).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => nonNegative(-1n, 'bytes')).toThrow(refused('bytes is negative'));
    expect(() => nonNegative(2n ** 53n, 'bytes')).toThrow(refused('bytes is larger'));
  });

  test('pages have a size the server can give', () => {
    expect(pageSize(0, 'page_size', 50)).toBe(50);
    expect(pageSize(7, 'page_size', 50)).toBe(7);
    expect(pageSize(2 ** 31 - 1, 'page_size', 50)).toBe(1_000);
    expect(() => pageSize(-1, 'page_size')).toThrow(refused('page_size is negative'));
  });

  test('enums have values this version knows', () => {
    const check = (value: WorkspaceContentState) => knownEnum(value, WorkspaceContentState, 'state');
    expect(check(WorkspaceContentState.AVAILABLE)).toBe(2);
    expect(() => check(JSON.parse('99'))).toThrow(refused('state has a value'));
    expect(() => check(WorkspaceContentState.UNRECOGNIZED)).toThrow(refused('state has a value'));
  });
});

test('every failure of the catalogue can travel', () => {
  for (const code of Object.keys(catalog) as (keyof typeof catalog)[]) {
    const { metadata } = toWireStatus(new StewardError(code, 'why'));
    // A "?" would mean that a remedy holds what a header cannot.
    expect(metadata.get('steward-error-remedy')).toEqual([catalog[code].remedy]);
  }
});
