import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { StewardError } from '../errors/steward-error.js';
import { sleep } from '../gateways/clock.js';
import type { World } from '../gateways/world.js';
import type { Tracer } from '../telemetry/tracing/tracer.js';
import type { ActiveCall, ServerScope } from './active-call.js';
import { type Address, formatAddress, isLocal, parseAddress } from './address.js';
import { ofAnybody } from './authentication.js';
import { bindService } from './bind-service.js';
import {
  CONNECTION_IDLE_MS,
  CONNECTION_STREAMS_MAX,
  MESSAGE_LIMIT_BYTES,
  SERVER_KEEPALIVE_MS,
  SERVER_KEEPALIVE_TIMEOUT_MS,
  STOP_FLUSH_MS,
  STOP_GRACE_MS,
} from './bounds.js';
import { Health } from './health.js';
import { type CallMetrics, createServerMetrics } from './metrics.js';
import { addReflection } from './reflection.js';
import type { Handlers, ServiceOptions, ServiceShape } from './service-types.js';
import { ReloadingCredentials, type ServerTls } from './tls-credentials.js';
import { prepareSocket } from './unix-socket.js';

export interface GrpcServerOptions {
  /** `unix:/path`, `host:port` or `[IPv6]:port`; port 0 lets the system choose. */
  readonly addresses: readonly string[];
  /** For TCP addresses; Unix sockets are guarded by their file mode. */
  readonly tls?: ServerTls;
  /**
   * Allows addresses others can reach without TLS, and everything to callers who did not show who they are: without
   * it, methods for authenticated callers are refused at TCP addresses unless `tls.ca` is there.
   */
  readonly insecure?: boolean;
  readonly world: Pick<World, 'clock' | 'random' | 'files'>;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Makes spans of unary calls; nobody does without. */
  readonly tracer?: Tracer | undefined;
  /** Of Unix sockets; default 0600. */
  readonly socketMode?: number;
  /** Largest message, in bytes. Default 16 MiB. */
  readonly messageLimitBytes?: number;
}

/** A gRPC server with health, reflection and metrics, as all programs use it. */
export interface GrpcServer {
  /** Before `start` only. */
  addService<Service extends ServiceShape>(
    service: Service,
    handlers: Handlers<Service>,
    options?: ServiceOptions<Service>,
  ): void;
  /**
   * Binds all addresses or none, and answers them with the ports that the system chose. Throws `invalid-config`
   * or `address-in-use`.
   */
  start(): Promise<readonly string[]>;
  /** Health of one service, or of the program and all services not set by themselves. NOT_SERVING at first. */
  setServing(serving: boolean, service?: string): void;
  /** Takes new certificate files up now; they are also looked at by themselves. */
  reloadCertificates(): Promise<void>;
  /**
   * Accepts nothing new, ends streams (unless their methods say otherwise), lets other calls finish within the
   * grace period and then ends them as UNAVAILABLE. `forced`: some had to be.
   */
  stop(graceMs?: number): Promise<'clean' | 'forced'>;
}

export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  // grpc-js writes to stderr by itself what it also tells us as errors; its own variable turns that on again.
  const { GRPC_VERBOSITY } = process.env;
  if (GRPC_VERBOSITY === undefined) setLogVerbosity(logVerbosity.NONE);
  return new RunningServer(options);
}

const SOCKET_MODE = 0o600;

class RunningServer implements GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #server: Server;
  readonly #health = new Health();
  readonly #metrics: CallMetrics;
  readonly #calls = new Set<ActiveCall>();
  readonly #scope: ServerScope;
  readonly #services: string[] = [];
  #credentials: ReloadingCredentials | undefined;
  #idle: () => void = () => {};
  #stopping: Promise<'clean' | 'forced'> | undefined;

  constructor(options: GrpcServerOptions) {
    const limit = options.messageLimitBytes ?? MESSAGE_LIMIT_BYTES;
    this.#options = options;
    this.#metrics = createServerMetrics(options.registry);
    this.#scope = {
      world: options.world,
      logger: options.logger,
      calls: this.#calls,
      sendLimitBytes: limit,
      tracer: options.tracer,
      onIdle: () => this.#idle(),
    };
    this.#server = new Server({
      'grpc.max_receive_message_length': limit,
      'grpc.max_concurrent_streams': CONNECTION_STREAMS_MAX,
      'grpc.max_connection_idle_ms': CONNECTION_IDLE_MS,
      'grpc.keepalive_time_ms': SERVER_KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': SERVER_KEEPALIVE_TIMEOUT_MS,
      // With 0, grpc-js 1.14 forgets its sessions, and forceShutdown would leave streams open for ever.
      'grpc.enable_channelz': 1,
    });
    this.#health.addTo(this.#server);
  }

  addService<Service extends ServiceShape>(
    service: Service,
    handlers: Handlers<Service>,
    options: ServiceOptions<Service> = {},
  ): void {
    const bound = bindService(service, handlers, options, this.#scope, this.#metrics);
    this.#server.addService(bound.definition, bound.implementation);
    this.#services.push(bound.name);
    this.#health.addService(bound.name);
  }

  async start(): Promise<readonly string[]> {
    const { tls, world, logger } = this.#options;
    const addresses = this.#options.addresses.map(parseAddress);
    for (const address of addresses) this.#refuseOpen(address);
    if (tls !== undefined) this.#credentials = await ReloadingCredentials.load(tls, world, logger);
    addReflection(this.#server, this.#services);
    const bound: string[] = [];
    try {
      for (const address of addresses) bound.push(await this.#bind(address));
    } catch (error) {
      this.#server.forceShutdown();
      throw error;
    }
    this.#credentials?.watch();
    return bound;
  }

  setServing(serving: boolean, service?: string): void {
    this.#health.set(serving, service);
  }

  async reloadCertificates(): Promise<void> {
    await this.#credentials?.reload();
  }

  stop(graceMs: number = STOP_GRACE_MS): Promise<'clean' | 'forced'> {
    this.#stopping ??= this.#stop(graceMs);
    return this.#stopping;
  }

  /** An address others can reach needs TLS, or somebody who said that it does not. */
  #refuseOpen(address: Address): void {
    if (isLocal(address) || this.#options.tls !== undefined || this.#options.insecure === true) return;
    const text = formatAddress(address);
    throw new StewardError(
      'invalid-config',
      `${text} can be reached from other machines: configure TLS, or set insecure if the network is trusted`,
    );
  }

  async #bind(address: Address): Promise<string> {
    const { world, socketMode } = this.#options;
    if (address.kind === 'unix') await prepareSocket(address.path, world);
    const port = await bind(this.#server, address, this.#credentialsFor(address));
    if (address.kind === 'tcp') return formatAddress({ ...address, port });
    await world.files.chmod(address.path, socketMode ?? SOCKET_MODE);
    return formatAddress(address);
  }

  #credentialsFor(address: Address): ServerCredentials {
    if (address.kind === 'unix') return ServerCredentials.createInsecure();
    const { tls, insecure } = this.#options;
    const credentials = this.#credentials ?? ServerCredentials.createInsecure();
    return tls?.ca !== undefined || insecure === true ? credentials : ofAnybody(credentials);
  }

  async #stop(graceMs: number): Promise<'clean' | 'forced'> {
    const { clock } = this.#options.world;
    this.#health.stop();
    this.#credentials?.stopWatching();
    const closed = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    for (const call of [...this.#calls]) if (call.onStop === 'end') call.abort(stopping());
    const cutOff = new AbortController();
    const idle = new Promise<void>((resolve) => {
      this.#idle = resolve;
      if (this.#calls.size === 0) resolve();
    });
    await Promise.race([idle, sleep(clock, graceMs, cutOff.signal).catch(() => {})]);
    const outcome = this.#calls.size === 0 ? 'clean' : 'forced';
    for (const call of [...this.#calls]) call.abort(stopping());
    // Health watchers and reflection never end by themselves, so the rest is waited for only so long.
    await Promise.race([closed, sleep(clock, STOP_FLUSH_MS, cutOff.signal).catch(() => {})]);
    cutOff.abort();
    this.#server.forceShutdown();
    return outcome;
  }
}

function stopping(): StewardError {
  return new StewardError('unavailable', 'the program is stopping');
}

function bind(server: Server, address: Address, credentials: ServerCredentials): Promise<number> {
  const text = formatAddress(address);
  return new Promise((resolve, reject) => {
    server.bindAsync(text, credentials, (error, port) => {
      if (error === null) return resolve(port);
      if (error.message.includes('EADDRINUSE')) {
        return reject(new StewardError('address-in-use', `another program uses ${text}`, { cause: error }));
      }
      reject(
        new StewardError('invalid-config', `cannot listen on ${text}: ${error.message}`, { cause: error }),
      );
    });
  });
}
