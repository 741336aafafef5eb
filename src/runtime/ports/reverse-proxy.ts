import { type IncomingMessage, request as requestHttp, type ServerResponse } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { PORT_CONNECT_MS } from '../bounds.js';
import type { Listener } from '../workspace-runtime.js';
import { withoutSecrets } from './access.js';
import { connectTo, join } from './tunnel.js';

/** Where a request goes on to. */
export interface Target extends Listener {
  readonly protocol: 'http' | 'https';
}

/** Of one connection only (RFC 9110, 7.6.1); the connection behind us has its own. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  // We answer it ourselves.
  'expect',
]);

/** Hands a request on and its answer back, both as they come. */
export function proxy(request: IncomingMessage, response: ServerResponse, target: Target): void {
  const { method = 'GET', url = '/', headers } = request;
  const forwarded = endToEnd(withoutSecrets(request.rawHeaders));
  // Node frames a body only when it is told that there is one.
  if (headers['transfer-encoding'] !== undefined) forwarded.push('Transfer-Encoding', 'chunked');
  forwarded.push('Connection', 'close');
  const onward = open(target, method, url, forwarded);
  onward.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer.rawHeaders));
    // What breaks off behind us must not look complete.
    answer.on('aborted', () => response.destroy()).on('error', () => response.destroy());
    answer.pipe(response);
  });
  onward.on('error', () =>
    refuse(response, 502, 'the program in the workspace does not answer as HTTP does'),
  );
  request.on('error', () => onward.destroy());
  response.on('close', () => onward.destroy());
  request.pipe(onward);
}

/** A WebSocket, or whatever else the two agree on. */
export function upgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  target: Target,
  idleMs: number,
): void {
  const { method = 'GET', url = '/', headers } = request;
  const forwarded = endToEnd(withoutSecrets(request.rawHeaders));
  forwarded.push('Connection', 'Upgrade', 'Upgrade', headers.upgrade ?? '');
  const onward = open(target, method, url, forwarded);
  socket.on('error', () => onward.destroy()).on('close', () => onward.destroy());
  onward.on('upgrade', (answer, behind, rest) => {
    socket.write(headOf(answer, answer.rawHeaders));
    join(socket, behind, idleMs);
    socket.write(rest);
    behind.write(head);
  });
  onward.on('response', (answer) => {
    // It declines. Its body comes without its framing, so it lasts until the connection ends.
    const headers = [...endToEnd(answer.rawHeaders), 'Connection', 'close'];
    socket.write(headOf(answer, headers));
    answer.pipe(socket);
  });
  onward.on('error', () => socket.destroy());
  onward.end();
}

/** CONNECT: any protocol, for those who have shown the token. */
export function tunnel(socket: Duplex, head: Buffer, target: Target, idleMs: number): void {
  const behind: Socket = connectTo(target, PORT_CONNECT_MS);
  behind.once('connect', () => {
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    join(socket, behind, idleMs);
    behind.write(head);
  });
  behind.once('error', () => socket.destroy());
  socket.once('close', () => behind.destroy()).once('error', () => behind.destroy());
}

export function refuse(response: ServerResponse, status: number, why: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  response.end(`${why}\n`);
}

function open({ host, port, protocol }: Target, method: string, path: string, headers: string[]) {
  // Certificates of programs in workspaces are their own making, and the way to them does not leave the machine.
  if (protocol === 'https') {
    return requestHttps({ host, port, method, path, headers, agent: false, rejectUnauthorized: false });
  }
  return requestHttp({ host, port, method, path, headers, agent: false });
}

function endToEnd(rawHeaders: readonly string[]): string[] {
  const named = new Set(HOP_BY_HOP);
  for (const [name, value] of pairs(rawHeaders)) {
    if (name.toLowerCase() === 'connection')
      for (const each of value.split(',')) named.add(each.trim().toLowerCase());
  }
  return pairs(rawHeaders)
    .filter(([name]) => !named.has(name.toLowerCase()))
    .flat();
}

function pairs(rawHeaders: readonly string[]): [string, string][] {
  const found: [string, string][] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    found.push([rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '']);
  }
  return found;
}

function headOf({ statusCode = 502, statusMessage = '' }: IncomingMessage, rawHeaders: string[]): string {
  const lines = pairs(rawHeaders).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${statusCode} ${statusMessage}`, ...lines, '', ''].join('\r\n');
}
