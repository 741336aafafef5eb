import { connect } from 'node:net';
import { dirname } from 'node:path';
import { StewardError } from '../errors/steward-error.js';
import type { Clock } from '../gateways/clock.js';
import { requireSafeDirectory } from '../gateways/private-directory.js';
import type { World } from '../gateways/world.js';
import { SOCKET_PROBE_MS } from './bounds.js';

type SocketWorld = Pick<World, 'clock' | 'files' | 'random'>;

const FOLDER_MODE = 0o700;

/**
 * Makes room for a socket: its folder (closed to others when it is new), and a socket left behind by a program
 * that was killed. Throws `address-in-use` when somebody answers there, or when it is something else, and
 * `permission-denied` when the folder is somebody else's: in /tmp, anybody may have made it first.
 */
export async function prepareSocket(path: string, world: SocketWorld): Promise<void> {
  const { files, clock } = world;
  await files.makeDirectory(dirname(path), FOLDER_MODE);
  await requireSafeDirectory(world, dirname(path));
  const found = await files.stat(path);
  if (found === undefined) return;
  if (found.kind !== 'other') throw inUse(`${path} exists and is no socket`);
  if (await answers(path, clock)) throw inUse(`another program answers at ${path}`);
  await files.remove(path);
}

function inUse(message: string): StewardError {
  return new StewardError('address-in-use', message);
}

/** Only a refused connection proves that nobody listens; a slow or forbidden one counts as an answer. */
function answers(path: string, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const finish = (answered: boolean) => {
      timer.cancel();
      socket.destroy();
      resolve(answered);
    };
    const timer = clock.schedule(clock.now() + SOCKET_PROBE_MS, () => finish(true));
    socket.once('connect', () => finish(true));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      finish(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT');
    });
  });
}
