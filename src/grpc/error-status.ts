import { Metadata, status } from '@grpc/grpc-js';
import type { StewardError } from '../errors/steward-error.js';
import { STATUS_MESSAGE_LENGTH_MAX } from './bounds.js';
import { encodeStatusDetails } from './status-details.js';

/** Trailers that carry what a gRPC status cannot: the name of the failure and what to do about it. */
export const ERROR_CODE_TRAILER = 'steward-error-code';
export const ERROR_RETRYABLE_TRAILER = 'steward-error-retryable';
export const ERROR_REMEDY_TRAILER = 'steward-error-remedy';
/** Where every gRPC implementation looks for a google.rpc.Status. */
const STATUS_DETAILS_TRAILER = 'grpc-status-details-bin';

export interface WireStatus {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

/** How a failure travels. */
export function toWireStatus(error: StewardError): WireStatus {
  const { status: code, retryable, remedy } = error.entry;
  const details = headerText(error.message);
  const metadata = new Metadata();
  metadata.set(ERROR_CODE_TRAILER, error.code);
  metadata.set(ERROR_RETRYABLE_TRAILER, String(retryable));
  metadata.set(ERROR_REMEDY_TRAILER, ascii(remedy));
  const info = { code: error.code, retryable, remedy };
  metadata.set(STATUS_DETAILS_TRAILER, encodeStatusDetails(code, details, info));
  return { code, details, metadata };
}

/** The name of a status as Go writes it, which is what dashboards of gRPC metrics expect: `NotFound`. */
export function goStatusName(code: status): string {
  if (code === status.OK) return 'OK';
  if (code === status.CANCELLED) return 'Canceled';
  // Others may send a number that nobody knows.
  const name: string | undefined = status[code];
  return (name ?? 'UNKNOWN')
    .split('_')
    .map((word) => word.charAt(0) + word.slice(1).toLowerCase())
    .join('');
}

/** Bounded, and without lone surrogates, which grpc-js cannot encode. */
function headerText(text: string): string {
  return text.slice(0, STATUS_MESSAGE_LENGTH_MAX).replace(/\p{Surrogate}/gu, '\uFFFD');
}

/** Headers of text hold printable ASCII only. */
function ascii(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}
