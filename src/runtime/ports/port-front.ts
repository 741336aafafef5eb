import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { StewardError } from '../../errors/steward-error.js';
import { errorCode } from '../../gateways/file-error.js';
import {
  PORT_CONNECT_MS,
  PORT_CONNECTIONS_MAX,
  PORT_HEAD_BYTES_MAX,
  PORT_HEAD_MS,
  PORT_IDLE_MS,
  PORT_KEEPALIVE_MS,
} from '../bounds.js';
import type { Port } from '../port.js';
import type { Listener } from '../workspace-runtime.js';
import { type Access, type Entry, TOKEN_HEADER } from './access.js';
import { proxy, refuse, type Target, tunnel, upgrade } from './reverse-proxy.js';
import { connectTo, join } from './tunnel.js';

export interface PortFrontOptions {
  readonly host: string;
  readonly hostPort: number;
  readonly access: Access;
  /** Where the program behind it listens at the moment; undefined when none of the workspace does. */
  readonly behind: () => Promise<Listener | undefined>;
  /** How long both sides may be silent. Default: `PORT_IDLE_MS`. */
  readonly idleMs?: number;
}

/**
 * Where one exposed port is reached. A public one hands on every connection as it is; a private one speaks HTTP, asks
 * for the owner's token with each request, and hands on what it may.
 */
export class PortFront {
  readonly #options: PortFrontOptions;
  readonly #server: Server;
  readonly #connections = new Set<Duplex>();
  #port: Port;

  constructor(options: PortFrontOptions, port: Port) {
    this.#options = options;
    this.#port = port;
    const limits = {
      ...{ maxHeaderSize: PORT_HEAD_BYTES_MAX, headersTimeout: PORT_HEAD_MS, requestTimeout: 0 },
      ...{ keepAlive: true, keepAliveInitialDelay: PORT_KEEPALIVE_MS },
    };
    this.#server = createServer(limits, (request, response) => void this.#answer(request, response));
    this.#server.maxConnections = PORT_CONNECTIONS_MAX;
    this.#server.on('upgrade', (request, socket, head) => void this.#upgrade(request, socket, head));
    this.#server.on('connect', (request, socket, head) => void this.#connect(request, socket, head));
    const asHttp = this.#server.listeners('connection');
    this.#server.removeAllListeners('connection');
    this.#server.on('connection', (socket: Socket) => {
      this.#keep(socket);
      if (this.#port.visibility === 'public') void this.#pass(socket);
      else for (const listener of asHttp) listener.call(this.#server, socket);
    });
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#connections.size;
  }

  get port(): Port {
    return this.#port;
  }

  /** Begins to listen; fails with `address-in-use` when the host port is taken. */
  async open(): Promise<void> {
    const { host, hostPort } = this.#options;
    await new Promise<void>((resolve, reject) => {
      // Stays: a connection that cannot be accepted later on, for want of memory say, must not end the program.
      this.#server.on('error', (cause) => {
        const isTaken = errorCode(cause) === 'EADDRINUSE';
        const message = `port ${hostPort} of ${host} ${isTaken ? 'is taken' : 'cannot be listened on'}`;
        reject(new StewardError(isTaken ? 'address-in-use' : 'permission-denied', message, { cause }));
      });
      this.#server.listen({ host, port: hostPort }, resolve);
    });
  }

  /** Takes effect at once; who entered without a token while everybody could has to leave. */
  change(port: Port): void {
    const isClosed = this.#port.visibility === 'public' && port.visibility === 'private';
    this.#port = port;
    if (isClosed) this.#hangUp();
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#hangUp();
    await closed;
  }

  async #pass(socket: Socket): Promise<void> {
    const target = await this.#target();
    if (target === undefined || socket.destroyed) {
      socket.destroy();
      return;
    }
    const behind = connectTo(target, PORT_CONNECT_MS);
    join(socket, behind, this.#idleMs);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const entry = this.#options.access.enter(request);
    if (entry.kind === 'link') {
      response.writeHead(303, { location: entry.location, 'set-cookie': entry.cookie, ...NOT_KEPT });
      response.end();
      return;
    }
    if (entry.kind === 'refused') {
      refuse(response, 401, `this port is private: send the owner's token in the header ${TOKEN_HEADER}`);
      return;
    }
    const target = await this.#target();
    if (target === undefined) refuse(response, 502, this.#nobody);
    else proxy(request, response, target);
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const target = await this.#admitted(this.#options.access.enter(request), socket);
    if (target !== undefined) upgrade(request, socket, head, target, this.#idleMs);
  }

  async #connect(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const entry = this.#options.access.enter(request);
    // A cookie is sent by a browser without being asked to, and browsers have no use for this.
    const target = await this.#admitted(entry.kind === 'cookie' ? { kind: 'refused' } : entry, socket);
    if (target !== undefined) tunnel(socket, head, target, this.#idleMs);
  }

  async #admitted(entry: Entry, socket: Duplex): Promise<Target | undefined> {
    socket.on('error', () => socket.destroy());
    if (entry.kind === 'refused' || entry.kind === 'link') {
      const asks = 'Proxy-Authenticate: Basic realm="owner token"\r\n';
      socket.end(`HTTP/1.1 407 Proxy Authentication Required\r\n${asks}Content-Length: 0\r\n\r\n`);
      return undefined;
    }
    const target = await this.#target();
    if (target === undefined) socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n');
    return target;
  }

  async #target(): Promise<Target | undefined> {
    const { protocol } = this.#port;
    const listener = await this.#options.behind().catch(() => undefined);
    return listener === undefined ? undefined : { ...listener, protocol };
  }

  get #idleMs(): number {
    return this.#options.idleMs ?? PORT_IDLE_MS;
  }

  get #nobody(): string {
    return `no program of the workspace listens on port ${this.#port.port}`;
  }

  #keep(socket: Duplex): void {
    this.#connections.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#connections.delete(socket));
  }

  #hangUp(): void {
    for (const connection of this.#connections) connection.destroy();
  }
}

const NOT_KEPT = { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' };
