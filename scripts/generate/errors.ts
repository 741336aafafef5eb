import { status } from '@grpc/grpc-js';
import { catalog } from '../../src/errors/catalog.js';
import type { Generator } from './generator.js';

/** docs/errors.md, from the catalogue. */
export const errorsGenerator: Generator = {
  name: 'errors',
  owns: [],
  files: async () => new Map([['docs/errors.md', page()]]),
};

function page(): string {
  const rows = Object.entries(catalog).map(([code, entry]) => {
    const retry = entry.retryable ? 'yes' : 'no';
    return `| \`${code}\` | ${status[entry.status]} | ${retry} | ${entry.remedy} |`;
  });
  return [
    '# Errors',
    '',
    'Every failure has one of these codes. gRPC callers get the status, and the code in an `ErrorInfo` detail.',
    '"Try again" says whether the same call can succeed later without anything else being done.',
    '',
    '| Code | gRPC status | Try again | What to do |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
