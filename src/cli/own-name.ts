import type { Cli } from './cli.js';

/** The owner id of who runs the command: the user's name in the letters an id may have. */
export function ownName({ userName }: Pick<Cli, 'userName'>): string {
  return userName.replace(/[^A-Za-z0-9_-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '') || 'local';
}
