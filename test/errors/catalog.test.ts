import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { catalog } from '../../src/errors/catalog.js';
import { StewardError, toStewardError } from '../../src/errors/steward-error.js';
import { repository } from '../support/source-files.js';

describe('the catalogue of errors', () => {
  it('is what docs/errors.md tells, code by code', () => {
    const rows = readFileSync(join(repository, 'docs/errors.md'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    const told = rows.map((row) => row.split(' | ').map((cell) => cell.replace(/^\| |\s\|$|`/g, '')));
    const meant = Object.entries(catalog).map(([code, entry]) => [
      code,
      status[entry.status],
      entry.retryable ? 'yes' : 'no',
      entry.remedy.replaceAll('`', ''),
    ]);
    expect(told).toEqual(meant);
  });

  it('has plain codes, a failing status, and a sentence to act on for each', () => {
    for (const [code, entry] of Object.entries(catalog)) {
      expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(entry.status, code).not.toBe(status.OK);
      expect(entry.remedy, code).toMatch(/^[A-Z].*\.$/);
    }
  });
});

describe('StewardError', () => {
  it('knows its entry, and keeps its cause for the log', () => {
    const cause = new Error('ENOSPC');
    const error = new StewardError('disk-full', 'No room.', { cause });
    expect(error).toMatchObject({ code: 'disk-full', message: 'No room.', cause });
    expect(error.entry.status).toBe(status.RESOURCE_EXHAUSTED);
  });

  it('is made of anything thrown, and left alone when it is one already', () => {
    const ours = new StewardError('parked', 'x');
    expect(toStewardError(ours, 'internal')).toBe(ours);
    expect(toStewardError(new Error('x'), 'git-failed')).toMatchObject({ code: 'git-failed', message: 'x' });
    expect(toStewardError('text')).toMatchObject({ code: 'internal', message: 'text' });
  });
});
