import { connect, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Listener } from '../workspace-runtime.js';

/** A connection that fails when it is not up in time. */
export function connectTo({ host, port }: Listener, timeoutMs: number): Socket {
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error('the connection did not come up in time')));
  socket.once('connect', () => socket.setTimeout(0));
  return socket;
}

/**
 * What one says the other hears, each direction until its own end; a failure of one ends the other, and so does silence
 * of both for `idleMs`.
 */
export function join(one: Duplex, other: Duplex, idleMs: number): void {
  // What either says passes through it, so that one clock is enough for both.
  if (one instanceof Socket) one.setTimeout(idleMs, () => one.destroy());
  handOn(one, other);
  handOn(other, one);
}

function handOn(from: Duplex, to: Duplex): void {
  from.pipe(to);
  from.on('error', () => to.destroy());
  // What was said until then is still told; nobody is there any more for what comes back.
  from.on('close', () => to.end(() => to.destroy()));
}
