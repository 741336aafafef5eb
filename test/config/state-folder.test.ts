import { describe, expect, it } from 'vitest';
import {
  defaultStateFolder,
  secretsFolder,
  socketFolder,
  socketPath,
} from '../../src/config/state-folder.js';

const root = {
  uid: 0,
  home: '/root',
  env: { XDG_STATE_HOME: '/x', XDG_RUNTIME_DIR: '/y' },
  temporary: '/tmp',
};
const ann = { uid: 1000, home: '/home/ann', env: {}, temporary: '/tmp' };

describe('the folders of a program', () => {
  it('are the system ones for root', () => {
    expect(defaultStateFolder(root)).toBe('/var/lib/steward');
    expect(socketFolder(root)).toBe('/run/steward');
  });

  it('are those of the user otherwise, as the XDG variables say', () => {
    expect(defaultStateFolder(ann)).toBe('/home/ann/.local/state/steward');
    expect(socketFolder(ann)).toBe('/tmp/steward-1000');
    const set = { ...ann, env: { XDG_STATE_HOME: '/state', XDG_RUNTIME_DIR: '/run/user/1000' } };
    expect(defaultStateFolder(set)).toBe('/state/steward');
    expect(socketFolder(set)).toBe('/run/user/1000/steward');
    const empty = { ...ann, env: { XDG_STATE_HOME: '', XDG_RUNTIME_DIR: '' } };
    expect(defaultStateFolder(empty)).toBe('/home/ann/.local/state/steward');
    expect(socketFolder(empty)).toBe('/tmp/steward-1000');
  });

  it('have short socket names that differ by state folder and program', () => {
    const long = `/${'state/'.repeat(40)}`;
    expect(socketPath(root, long, 'daemon')).toMatch(/^\/run\/steward\/[0-9a-f]{8}-daemon\.sock$/);
    const paths = [
      socketPath(ann, '/a', 'daemon'),
      socketPath(ann, '/b', 'daemon'),
      socketPath(ann, '/a', 'bridge'),
    ];
    expect(new Set(paths).size).toBe(3);
  });

  it('keep secrets in memory where there is shared memory', () => {
    expect(secretsFolder(ann, '/a', true)).toMatch(/^\/dev\/shm\/steward-1000-[0-9a-f]{8}$/);
    expect(secretsFolder(ann, '/a', false)).toMatch(/^\/tmp\/steward-1000\/steward-1000-[0-9a-f]{8}$/);
  });
});
