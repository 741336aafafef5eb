import { join } from 'node:path';
import type { Files } from '../../src/gateways/files.js';

export type FileOperation = Exclude<keyof Files, 'openRead' | 'scan' | 'openWrite' | 'entries' | 'moveAway'>;

/** Called before each operation; what it throws is what the operation fails with. */
export type BeforeOperation = (operation: FileOperation, path: string) => void | Promise<void>;

/** The same files, with something happening before each operation: holding it back, failing it, counting it. */
export function interceptFiles(files: Files, before: BeforeOperation): Files {
  return {
    read: async (path, limit) => {
      await before('read', path);
      return files.read(path, limit);
    },
    write: async (path, data, options) => {
      await before('write', path);
      await files.write(path, data, options);
    },
    writeBeneath: async (root, path, data, options) => {
      await before('write', join(root, path));
      await files.writeBeneath(root, path, data, options);
    },
    append: async (path, data, options) => {
      await before('append', path);
      await files.append(path, data, options);
    },
    openRead: (path, range) => files.openRead(path, range),
    scan: (path, range, take) => files.scan(path, range, take),
    openWrite: (path, options) => files.openWrite(path, options),
    rename: async (from, to) => {
      await before('rename', from);
      await files.rename(from, to);
    },
    link: async (from, to) => {
      await before('link', from);
      await files.link(from, to);
    },
    symlink: async (target, path) => {
      await before('symlink', path);
      await files.symlink(target, path);
    },
    readlink: async (path) => {
      await before('readlink', path);
      return files.readlink(path);
    },
    makeDirectory: async (path, mode) => {
      await before('makeDirectory', path);
      await files.makeDirectory(path, mode);
    },
    remove: async (path) => {
      await before('remove', path);
      await files.remove(path);
    },
    // For whoever looks on it is a removal.
    moveAway: async (from, to) => {
      await before('remove', from);
      await files.moveAway(from, to);
    },
    list: async (path) => {
      await before('list', path);
      return files.list(path);
    },
    async *entries(path) {
      await before('list', path);
      yield* files.entries(path);
    },
    stat: async (path) => {
      await before('stat', path);
      return files.stat(path);
    },
    chmod: async (path, mode) => {
      await before('chmod', path);
      await files.chmod(path, mode);
    },
    chown: async (path, uid, gid) => {
      await before('chown', path);
      await files.chown(path, uid, gid);
    },
    syncDirectory: async (path) => {
      await before('syncDirectory', path);
      await files.syncDirectory(path);
    },
    space: async (path) => {
      await before('space', path);
      return files.space(path);
    },
  };
}

/** A door that is shut until opened; whoever waits at it goes on then. */
export interface Gate {
  readonly passed: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}
