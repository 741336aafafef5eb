import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Listener } from '../workspace-runtime.js';

/** A connection that fails when it is not up in time. */
export function connectTo({ host, port }: Listener, timeoutMs: number): Socket {
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error('the connection did not come up in time')));
  socket.once('connect', () => socket.setTimeout(0));
  return socket;
}

/** What one says the other hears, each direction until its own end; a failure ends both. */
export function join(one: Duplex, other: Duplex): void {
  one.pipe(other);
  other.pipe(one);
  for (const [here, there] of [
    [one, other],
    [other, one],
  ] as const) {
    here.on('error', () => there.destroy());
    here.on('close', () => there.destroy());
  }
}
