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

it.each([
  ['self-signed certificate in certificate chain', 'database-refused', 'database.tls.ca'],
  ['unable to get local issuer certificate', 'database-refused', 'database.tls.ca'],
  ['certificate has expired', 'database-refused', 'certificate has expired'],
  ["Hostname/IP does not match certificate's altnames: …", 'database-refused', 'database.tls.serverName'],
  ['Client network socket disconnected before secure TLS connection was established', 'unavailable', ''],
  ['read ECONNRESET', 'unavailable', ''],
  ['ssl3_read_bytes:sslv3 alert bad certificate', 'unavailable', ''],
])('TLS that does not come about is a question of certificates, or may pass: %s', (said, code, remedy) => {
  // The driver's only code for it.
  const failed = Object.assign(new Error(said), { code: 'HANDSHAKE_SSL_ERROR', fatal: true });
  expect(toMysqlError(failed, settings)).toMatchObject({ code, message: expect.stringContaining(remedy) });
});
