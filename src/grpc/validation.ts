import {
  type InstanceId,
  idProblem,
  isInstanceId,
  isOwnerId,
  isWorkspaceId,
  type OwnerId,
  type WorkspaceId,
} from '../../machines/ids.js';
import { StewardError } from '../errors/steward-error.js';
import { PAGE_SIZE_MAX, TEXT_LENGTH_MAX } from './bounds.js';

/**
 * Checks of single fields of a request. Each answers the value in the type the rest of the program wants, or
 * throws `invalid-argument` with the field's name. Values are not repeated in messages: they may be anything.
 */
export function requiredInstanceId(text: string, field: string): InstanceId {
  if (isInstanceId(text)) return text;
  throw invalid(field, idProblem(text) ?? 'is no id');
}

export function requiredWorkspaceId(text: string, field: string): WorkspaceId {
  if (isWorkspaceId(text)) return text;
  throw invalid(field, idProblem(text) ?? 'is no id');
}

export function requiredOwnerId(text: string, field: string): OwnerId {
  if (isOwnerId(text)) return text;
  throw invalid(field, idProblem(text) ?? 'is no id');
}

/** Text that is there, in bounds and free of control characters. */
export function requiredText(text: string, field: string, lengthMax: number = TEXT_LENGTH_MAX): string {
  if (text === '') throw invalid(field, 'is empty');
  return optionalText(text, field, lengthMax);
}

/** The same, and may be empty. */
export function optionalText(text: string, field: string, lengthMax: number = TEXT_LENGTH_MAX): string {
  if (text.length > lengthMax) throw invalid(field, `is longer than ${lengthMax} characters`);
  if (/\p{Cc}/u.test(text)) throw invalid(field, 'must not contain control characters');
  return text;
}

/** A message, or the set member of a oneof. */
export function requiredMessage<Message>(message: Message | undefined, field: string): Message {
  if (message === undefined) throw invalid(field, 'is missing');
  return message;
}

/** An int64 or uint64 that may not be negative and that a number holds exactly. */
export function nonNegative(value: bigint, field: string): number {
  if (value < 0n) throw invalid(field, 'is negative');
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw invalid(field, `is larger than ${Number.MAX_SAFE_INTEGER}`);
  return Number(value);
}

/** Entries of a page: 0 stands for `otherwise`, and more than the server gives is cut. */
export function pageSize(value: number, field: string, otherwise: number = PAGE_SIZE_MAX): number {
  if (value < 0) throw invalid(field, 'is negative');
  return value === 0 ? otherwise : Math.min(value, PAGE_SIZE_MAX);
}

/** An enum value this version knows; others arrive as bare numbers. */
export function knownEnum<Value extends number>(
  value: Value,
  values: Readonly<Record<string, Value>>,
  field: string,
): Value {
  if (value >= 0 && Object.values(values).includes(value)) return value;
  throw invalid(field, 'has a value that this version does not know');
}

function invalid(field: string, problem: string): StewardError {
  return new StewardError('invalid-argument', `${field} ${problem}`);
}
