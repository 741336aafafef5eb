import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, inject, it, vi } from 'vitest';
import { execute, newDatabase } from '../support/mariadb.js';

describe('the servers of these tests', () => {
  it('give each test a database of its own', async () => {
    const { url, drop } = await newDatabase({ url: inject('mysqlUrl') });
    await execute(url, 'create table t (a int)');
    await drop();
    await expect(execute(url, 'select 1')).rejects.toMatchObject({ code: 'ER_BAD_DB_ERROR' });
  });

  it('end with the process that started them, and leave nothing', async () => {
    const script = fileURLToPath(new URL('./support/started-servers.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(child.stdout, 'data');
    const servers: { folder: string; pid: number }[] = JSON.parse(String(line));
    expect(servers.map(({ folder }) => existsSync(folder))).toEqual([true, true]);
    child.kill('SIGKILL');
    await vi.waitFor(
      () => {
        expect(servers.filter(({ folder }) => existsSync(folder))).toEqual([]);
        for (const { pid } of servers) expect(isRunning(pid)).toBe(false);
      },
      { timeout: 20_000, interval: 50 },
    );
  });
});

/** A zombie has no command line. */
function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}/exe`);
}
