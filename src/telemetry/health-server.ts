import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { StewardError } from '../errors/steward-error.js';
import { type Clock, sleep } from '../gateways/clock.js';
import { errorCode } from '../gateways/file-error.js';
import { isLocal } from '../grpc/address.js';
import { HTTP_CONNECTIONS_MAX, HTTP_REQUEST_MS, READINESS_MS } from './bounds.js';

/** One thing that must be so for the program to be ready. */
export interface Condition {
  readonly name: string;
  readonly ready: boolean;
  readonly message?: string;
}

export interface HealthServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Allows addresses others can reach; metrics say much, and nobody is asked who he is. */
  readonly insecure: boolean;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly conditions: () => Promise<readonly Condition[]>;
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves `/metrics`, `/healthz` (the process answers) and `/readyz` (it works) over HTTP. Fails with
 * `invalid-config` for an address others can reach without `insecure`, and with `address-in-use`.
 */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  if (!options.insecure && !isLocal({ kind: 'tcp', host: options.host, port: options.port })) {
    const message = `Metrics and health are served without encryption, so ${options.host} needs "insecure".`;
    throw new StewardError('invalid-config', message);
  }
  const server = createServer({ requestTimeout: HTTP_REQUEST_MS }, (request, response) => {
    answer(request, response, options).catch(() => {
      if (!response.headersSent) send(response, 500, 'text/plain', 'internal error\n');
    });
  });
  server.maxConnections = HTTP_CONNECTIONS_MAX;
  const { port } = await listen(server, options);
  return { port, close: () => close(server) };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: HealthServerOptions,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    send(response, 405, 'text/plain', 'only GET\n');
    return;
  }
  switch (request.url?.split('?')[0]) {
    case '/metrics':
      send(response, 200, options.registry.contentType, await options.registry.metrics());
      return;
    case '/healthz':
      send(response, 200, 'text/plain', 'ok\n');
      return;
    case '/readyz': {
      const conditions = await inTime(options);
      const isReady = conditions.every(({ ready }) => ready);
      send(
        response,
        isReady ? 200 : 503,
        'application/json',
        `${JSON.stringify({ ready: isReady, conditions: conditions.map(shown) })}\n`,
      );
      return;
    }
    default:
      send(response, 404, 'text/plain', 'not found: try /metrics, /healthz or /readyz\n');
  }
}

/** A condition that cannot be told in time is not met. */
async function inTime(options: HealthServerOptions): Promise<readonly Condition[]> {
  const done = new AbortController();
  const late = sleep(options.clock, READINESS_MS, done.signal).then(() => [
    { name: 'answer', ready: false, message: `no answer within ${READINESS_MS} ms` },
  ]);
  late.catch(() => undefined);
  try {
    return await Promise.race([options.conditions(), late]);
  } catch {
    return [
      { name: 'answer', ready: false, message: 'the conditions could not be told; the log has the reason' },
    ];
  } finally {
    done.abort();
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}

function listen(server: Server, { host, port }: HealthServerOptions): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const isTaken = errorCode(error) === 'EADDRINUSE';
      const message = isTaken ? `${host}:${port} is in use.` : `${host}:${port} cannot be listened on.`;
      reject(new StewardError(isTaken ? 'address-in-use' : 'invalid-config', message, { cause: error }));
    });
    server.listen(port, host, () => {
      const address = server.address();
      if (address !== null && typeof address === 'object') resolve(address);
      else reject(new StewardError('internal', 'The HTTP server has no address.'));
    });
  });
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

/** Programs know more of a condition than this page says, some of it in types that JSON has not. */
function shown({ name, ready, message }: Condition) {
  return { name, ready, ...(message === undefined || message === '' ? {} : { message }) };
}
