import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { Redis } from 'ioredis';
import type { ServerTlsTexts } from '../config/server-tls.js';
import { StewardError } from '../errors/steward-error.js';
import {
  REDIS_CONNECT_TIMEOUT_MS,
  REDIS_KEEP_ALIVE_MS,
  REDIS_PUBLISH_DEADLINE_MS,
  REDIS_RECONNECT_MAX_MS,
  REDIS_RECONNECT_MIN_MS,
} from './bounds.js';
import type { ClosablePublisher, PublishedEvent } from './event-publisher.js';

export interface RedisSettings {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  /** Absent: not encrypted. */
  readonly tls?: ServerTlsTexts;
}

export interface RedisOptions {
  /** What `CLIENT LIST` shows. */
  readonly name: string;
  /** A number in [0, 1) for the jitter of reconnects. */
  readonly fraction: () => number;
  readonly onConnected: () => void;
  /** `reason` holds no secret. */
  readonly onTrouble: (reason: string) => void;
}

/**
 * PUBLISH on a Redis server. Nothing waits in here: while there is no connection publishing is refused at once, and
 * connecting goes on with growing pauses for ever. What is published in one go leaves in one go, and in order.
 */
export class RedisPublisher implements ClosablePublisher {
  readonly #client: Redis;
  #isConnected = false;

  constructor({ host, port, username, password, tls }: RedisSettings, options: RedisOptions) {
    this.#client = new Redis({
      ...{ host, port, connectionName: options.name },
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(tls && { tls: encryption(host, tls) }),
      connectTimeout: REDIS_CONNECT_TIMEOUT_MS,
      commandTimeout: REDIS_PUBLISH_DEADLINE_MS,
      keepAlive: REDIS_KEEP_ALIVE_MS,
      enableAutoPipelining: true,
      // Whoever publishes keeps what could not be published, and in order.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (attempt) => pauseMs(attempt, options.fraction),
    });
    this.#client.on('ready', () => {
      this.#isConnected = true;
      options.onConnected();
    });
    this.#client.on('close', () => {
      this.#isConnected = false;
    });
    // Its other members may hold what was sent, a password among it.
    this.#client.on('error', (error) => options.onTrouble(reasonOf(error)));
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  async publish({ channel, payload }: PublishedEvent): Promise<void> {
    try {
      await this.#client.publish(channel, payload);
    } catch (error) {
      if (isTimeout(error)) this.#reconnect();
      const reason = reasonOf(error);
      if (reason.startsWith('NOPERM')) {
        throw new StewardError('permission-denied', `Redis does not let us publish on ${channel}: ${reason}`);
      }
      throw new StewardError('unavailable', `Redis does not take events: ${reason}`);
    }
  }

  close(): void {
    this.#client.disconnect();
  }

  /** A machine that vanished without a word would keep its connection for a quarter of an hour. */
  #reconnect(): void {
    if (!this.#isConnected) return;
    this.#isConnected = false;
    this.#client.disconnect(true);
  }
}

/** The certificate has to carry the name, or else the host, which may be an address. */
function encryption(host: string, { ca, crt, key, serverName = host }: ServerTlsTexts) {
  return {
    // An address is compared like a name, but is nothing to ask a server for.
    ...(isIP(serverName) === 0 && { servername: serverName }),
    checkServerIdentity: (_: string, shown: PeerCertificate) => checkServerIdentity(serverName, shown),
    ...(ca && { ca }),
    ...(crt && { cert: crt }),
    ...(key && { key }),
  };
}

/** The client has no other name for it. */
function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === 'Command timed out';
}

function pauseMs(attempt: number, fraction: () => number): number {
  const full = Math.min(REDIS_RECONNECT_MAX_MS, REDIS_RECONNECT_MIN_MS * 2 ** (attempt - 1));
  return Math.round(full * (1 - fraction() / 2));
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== '') return error.message;
  return 'code' in error ? String(error.code) : error.name;
}
