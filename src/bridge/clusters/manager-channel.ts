import { StewardError } from '../../errors/steward-error.js';
import type { Clock } from '../../gateways/clock.js';
import { type Channel, type ChannelSettings, type ClientTls, createChannel } from '../../grpc/channel.js';
import { MANAGER_CHANNEL_OPTIONS } from '../../grpc/channel-options.js';
import type { ClusterConnection, ClusterTls } from './workspace-cluster.js';

/** Who is told of the calls of a connection. */
export type ChannelObserver = Pick<ChannelSettings, 'metrics' | 'tracer'>;

/**
 * A connection to a cluster's manager, with the options existing clients of it use; whoever opens it closes it.
 * Throws `invalid-argument` for an address or certificates nobody can use, without repeating the latter.
 */
export function openManagerChannel(
  { url, tls }: ClusterConnection,
  clock: Clock,
  observer: ChannelObserver = {},
): Channel {
  const secured = tls === undefined ? {} : { tls: pemOf(tls) };
  try {
    return createChannel(url, {
      ...{ clock, ...observer },
      // Inventories have no limit of their own: 100 000 workspaces are 60 MiB.
      options: { ...MANAGER_CHANNEL_OPTIONS, 'grpc.max_receive_message_length': -1 },
      ...secured,
    });
  } catch (cause) {
    const part = cause instanceof StewardError ? 'tls cannot be used' : 'url is no address of a manager';
    throw new StewardError('invalid-argument', `${part}: ${reasonOf(cause)}`, { cause });
  }
}

/** Throws `invalid-argument` with the member that is no base64 of a PEM text. */
export function pemOf(tls: ClusterTls): ClientTls {
  return { ca: decoded('ca', tls.ca), certificate: decoded('crt', tls.crt), key: decoded('key', tls.key) };
}

function decoded(member: string, text: string): Buffer {
  const compact = text.replace(/\s/g, '');
  const bytes = Buffer.from(compact, 'base64');
  if (compact === '') throw new StewardError('invalid-argument', `tls.${member} is empty`);
  const isPem = /^[A-Za-z0-9+/]+={0,2}$/.test(compact) && bytes.includes('-----BEGIN ');
  if (isPem) return bytes;
  throw new StewardError('invalid-argument', `tls.${member} is not the base64 of a PEM text`);
}

/** What OpenSSL said, such as `key values mismatch`; it repeats no part of the key. */
function reasonOf(thrown: unknown): string {
  const cause = thrown instanceof StewardError ? thrown.cause : thrown;
  return cause instanceof Error ? cause.message : 'for an unknown reason';
}
