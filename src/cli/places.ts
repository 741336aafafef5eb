import { resolve } from 'node:path';
import { defaultStateFolder, type Program, socketPath, type User } from '../config/state-folder.js';

export const PROGRAMS: readonly Program[] = ['daemon', 'manager', 'bridge'];

/** Where a local system keeps its things and answers. */
export interface Places {
  readonly stateFolder: string;
  readonly addresses: Readonly<Record<Program, string>>;
}

export function placesOf(user: User, state: string | undefined): Places {
  const stateFolder = resolve(state ?? defaultStateFolder(user));
  const address = (program: Program) => `unix:${socketPath(user, stateFolder, program)}`;
  return {
    stateFolder,
    addresses: { daemon: address('daemon'), manager: address('manager'), bridge: address('bridge') },
  };
}
