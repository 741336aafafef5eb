import { createHash } from 'node:crypto';
import { join } from 'node:path';

/** Who runs us, as far as it decides where things are. */
export interface User {
  readonly uid: number;
  /** The home folder. */
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder for temporary files. */
  readonly temporary: string;
}

export type Program = 'daemon' | 'manager' | 'bridge';

/** Where state is kept unless a configuration says otherwise. */
export function defaultStateFolder(user: User): string {
  if (user.uid === 0) return '/var/lib/steward';
  const { XDG_STATE_HOME: state } = user.env;
  return join(state || join(user.home, '.local', 'state'), 'steward');
}

/** Where sockets are; to be made with mode 0700. */
export function socketFolder(user: User): string {
  if (user.uid === 0) return '/run/steward';
  const { XDG_RUNTIME_DIR: runtime } = user.env;
  return runtime ? join(runtime, 'steward') : join(user.temporary, `steward-${user.uid}`);
}

/** A program's socket. Its name is short whatever the state folder's is: the kernel allows 107 bytes in all. */
export function socketPath(user: User, stateFolder: string, program: Program): string {
  return join(socketFolder(user), `${digestOf(stateFolder)}-${program}.sock`);
}

/** Where secrets are kept in memory while they are needed; to be made with mode 0700. */
export function secretsFolder(user: User, stateFolder: string, hasSharedMemory: boolean): string {
  const name = `steward-${user.uid}-${digestOf(stateFolder)}`;
  return hasSharedMemory ? join('/dev/shm', name) : join(socketFolder(user), name);
}

function digestOf(stateFolder: string): string {
  return createHash('sha256').update(stateFolder).digest('hex').slice(0, 8);
}
