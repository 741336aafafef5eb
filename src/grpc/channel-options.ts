import type { ChannelOptions } from '@grpc/grpc-js';
import { CLIENT_RECONNECT_MAX_MS, CLIENT_RECONNECT_MIN_MS, MESSAGE_LIMIT_BYTES } from './bounds.js';

/** What every client of ours uses. */
export const CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.initial_reconnect_backoff_ms': CLIENT_RECONNECT_MIN_MS,
  'grpc.max_reconnect_backoff_ms': CLIENT_RECONNECT_MAX_MS,
  'grpc.max_receive_message_length': MESSAGE_LIMIT_BYTES,
  'grpc.enable_channelz': 0,
};

/**
 * What existing clients of `wsman.WorkspaceManager` use. The certificate of a manager carries the name
 * `ws-manager`, whatever its address is.
 */
export const MANAGER_CHANNEL_OPTIONS: ChannelOptions = {
  ...CHANNEL_OPTIONS,
  'grpc.http2.min_time_between_pings_ms': 10_000,
  'grpc.dns_min_time_between_resolutions_ms': 2_000,
  'grpc-node.max_session_memory': 50,
  'grpc.ssl_target_name_override': 'ws-manager',
};
