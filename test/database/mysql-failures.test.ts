import { expect, it } from 'vitest';
import { toMysqlError } from '../../src/database/mysql-failures.js';

const settings = { host: 'db.example', port: 3306, user: 'steward', password: 'secret', name: 'steward' };

/** An error as the driver makes it. */
function answered(errno: number, code: string): Error {
  return Object.assign(new Error('x'), { errno, code, sqlMessage: 'a value: secret' });
}

it.each([
  [6, 'EE_DELETE', 'unavailable'],
  [3, 'EE_WRITE', 'unavailable'],
  [20, 'EE_DISK_FULL', 'disk-full'],
  [1064, 'ER_PARSE_ERROR', 'internal'],
])('what its own files answered the server may pass: %i', (errno, code, expected) => {
  const error = toMysqlError(answered(errno, code), settings);
  expect([error.code, error.message]).toEqual([expected, expect.stringContaining(code)]);
  if (errno !== 20) expect(error.message).not.toContain('secret');
});
