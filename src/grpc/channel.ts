import { type ChannelOptions, Client, connectivityState, credentials } from '@grpc/grpc-js';
import { StewardError } from '../errors/steward-error.js';
import type { Clock } from '../gateways/clock.js';
import type { Tracer } from '../telemetry/tracing/tracer.js';
import { CHANNEL_OPTIONS } from './channel-options.js';
import type { CallMetrics } from './metrics.js';

/** PEM texts. Absent members: the system's authorities, no client certificate. */
export interface ClientTls {
  readonly ca?: Buffer;
  readonly certificate?: Buffer;
  readonly key?: Buffer;
  /** Name the server's certificate must carry, when it is not that of the address. */
  readonly serverName?: string;
}

export interface ChannelSettings {
  readonly clock: Clock;
  /** Without it the connection is plain. */
  readonly tls?: ClientTls;
  /** Default: `CHANNEL_OPTIONS`. */
  readonly options?: ChannelOptions;
  /** What counts the calls; nobody does without. */
  readonly metrics?: CallMetrics | undefined;
  /** Whose spans the servers are told of, so that theirs are below them; nobody's without. */
  readonly tracer?: Tracer | undefined;
}

/** A connection to one address, made when it is needed and again when it is lost. */
export interface Channel {
  readonly address: string;
  readonly clock: Clock;
  readonly client: Client;
  readonly metrics: CallMetrics | undefined;
  readonly tracer: Tracer | undefined;
  /** Whether calls would go out at once. */
  isReady(): boolean;
  /** Resolves once connected; throws `unavailable` when that takes longer than `timeoutMs`. */
  waitForReady(timeoutMs: number): Promise<void>;
  /** Running calls end as cancelled. */
  close(): void;
}

/** `address` as servers have it: `unix:/path` or `host:port`. Throws `invalid-config` for TLS that cannot be used. */
export function createChannel(address: string, settings: ChannelSettings): Channel {
  const { clock, tls } = settings;
  const options: ChannelOptions = { ...(settings.options ?? CHANNEL_OPTIONS) };
  if (tls?.serverName !== undefined) options['grpc.ssl_target_name_override'] = tls.serverName;
  // Its own connections: a shared pool would mix channels that differ only in their certificates' age.
  options['grpc.use_local_subchannel_pool'] = 1;
  const client = new Client(address, channelCredentials(tls), options);
  return {
    address,
    clock,
    client,
    metrics: settings.metrics,
    tracer: settings.tracer,
    isReady: () => client.getChannel().getConnectivityState(false) === connectivityState.READY,
    waitForReady: (timeoutMs) =>
      new Promise((resolve, reject) => {
        client.waitForReady(clock.now() + timeoutMs, (error) => {
          if (error === undefined) return resolve();
          reject(new StewardError('unavailable', `${address} cannot be reached`, { cause: error }));
        });
      }),
    close: () => client.close(),
  };
}

function channelCredentials(tls: ClientTls | undefined) {
  if (tls === undefined) return credentials.createInsecure();
  try {
    return credentials.createSsl(tls.ca ?? null, tls.key ?? null, tls.certificate ?? null);
  } catch (cause) {
    throw new StewardError('invalid-config', 'the TLS settings of the client cannot be used', { cause });
  }
}
