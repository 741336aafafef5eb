import type { Writable } from 'node:stream';

/** Writes and waits until somebody has taken it; fails when nobody will, or when the process is killed. */
export function write(output: Writable, data: Uint8Array | string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const onAbort = () => reject(signal.reason);
    const onClose = () => reject(new Error('Broken pipe'));
    signal.addEventListener('abort', onAbort, { once: true });
    output.once('close', onClose);
    output.write(data, (error) => {
      signal.removeEventListener('abort', onAbort);
      output.off('close', onClose);
      if (error) reject(error);
      else resolve();
    });
  });
}
