import { InvalidArgumentError } from 'commander';
import { idProblem } from '../../machines/ids.js';
import { parseDuration } from '../config/duration.js';
import type { FileDownloadInitializer_FileInfo } from '../gen/content-service-api/initializer.js';

/** Parsers of arguments; each throws commander's error, which names the option it stands at. */

export function idArgument(text: string): string {
  const problem = idProblem(text);
  if (problem !== undefined) throw new InvalidArgumentError(`The id ${problem}.`);
  return text;
}

/** As Go writes durations: `1h30m`, `10s`, `250ms`. Answers milliseconds. */
export function durationArgument(text: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined)
    throw new InvalidArgumentError('Write a duration such as 30s, 10m or 1h30m.');
  if (milliseconds <= 0) throw new InvalidArgumentError('A duration must be longer than nothing.');
  return milliseconds;
}

/** A limit, as Go writes durations; 0 switches some of them off. */
export function limitArgument(text: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined || milliseconds < 0)
    throw new InvalidArgumentError('Write a duration such as 30s, 10m or 1h30m.');
  return milliseconds;
}

/** Collects numbers of ports. */
export function portArgument(text: string, earlier: readonly number[] = []): readonly number[] {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > PORT_LARGEST)
    throw new InvalidArgumentError(`Write a port from 1 to ${PORT_LARGEST}.`);
  return [...earlier, port];
}

const PORT_LARGEST = 65_535;

export function sequenceArgument(text: string): bigint {
  if (!/^\d{1,19}$/.test(text)) throw new InvalidArgumentError('Write a sequence number.');
  return BigInt(text);
}

export function countArgument(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('Write a whole number up to 999999.');
  return Number(text);
}

/** A variable of the workspace: NAME=VALUE, or NAME to pass the caller's own on without showing it to `ps`. */
export interface Variable {
  readonly name: string;
  /** undefined: to be taken from the caller's environment. */
  readonly value: string | undefined;
}

/** Collects repeated --env. */
export function variableArgument(text: string, earlier: readonly Variable[] = []): readonly Variable[] {
  const match = /^([A-Za-z_][A-Za-z0-9_]*)(?:=(.*))?$/s.exec(text);
  const name = match?.[1];
  if (name === undefined)
    throw new InvalidArgumentError('Write NAME=VALUE, or NAME to pass your own value on.');
  return [...earlier, { name, value: match?.[2] }];
}

/** Collects repeated --download: `URL=PATH#DIGEST`. The last `=` separates; no daemon takes a file unproven. */
export function downloadArgument(
  text: string,
  earlier: readonly FileDownloadInitializer_FileInfo[] = [],
): readonly FileDownloadInitializer_FileInfo[] {
  const [, url, filePath, digest] = /^(.+)=([^=#]+)#(sha(?:256|384|512):[0-9a-fA-F]+)$/s.exec(text) ?? [];
  if (url === undefined || filePath === undefined || digest === undefined) {
    throw new InvalidArgumentError('Write URL=PATH#sha256:DIGEST, as `sha256sum` tells it.');
  }
  return [...earlier, { url, filePath, digest }];
}
