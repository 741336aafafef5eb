import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { emptyWorkspace, type RealDaemon, realDaemon } from '../support/real-daemon.js';
import { repository } from '../support/source-files.js';

let folder: string;
let daemon: RealDaemon;
let scraped: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-metrics-'));
  const port = await freePort();
  daemon = await realDaemon(folder, { http: { port } });
  await daemon.content.initWorkspace(emptyWorkspace('i1'));
  await daemon.content.waitForInit({ id: 'i1' });
  await daemon.content.backupWorkspace({ id: 'i1' });
  await daemon.content.backupWorkspace({ id: 'i1' });
  await daemon.content.disposeWorkspace({ id: 'i1', backup: true, backupLogs: false });
  scraped = await vi.waitFor(
    async () => {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      expect(text).toContain('last_round_timestamp_seconds{round="stored"}');
      expect(text).toContain('workspace_finalize_seconds_count'); // observed after the answer of the dispose
      return text;
    },
    { timeout: 15_000 },
  );
});
afterAll(async () => {
  await daemon.close();
  await rm(folder, { recursive: true, force: true });
});

it('serves exactly the metrics of the documentation, each of the type told', () => {
  const served = [...scraped.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`);
  const text = readFileSync(join(repository, 'docs/metrics.md'), 'utf8');
  const documented = [...text.matchAll(/^\| `([a-z_0-9]+)` \| (\w+) \|/gm)].map(
    ([, name, type]) => `${name} ${type}`,
  );
  expect(served.sort()).toEqual(documented.sort());
});

it('counts what has happened under the names and with the buckets that dashboards know', () => {
  const prefix = 'gitpod_ws_daemon_gitpod_ws_daemon_workspace';
  const lines = [
    `${prefix}_initialize_seconds_bucket{le="1024",type="Regular",class=""} 1`,
    `${prefix}_finalize_seconds_bucket{le="2",type="Regular",class=""} 1`,
    'gitpod_ws_daemon_concurrent_backup_waiting_seconds_mk2_bucket{le="1800"} 3',
    'gitpod_ws_daemon_concurrent_backup_waiting_timeout_total_mk2 0',
    'gitpod_server_version{version="test"} 1',
    'gitpod_logs_total{level="error"} 0',
    'steward_backups_total{kind="full"} 1',
    'steward_backups_total{kind="unchanged"} 2',
    'steward_backup_archive_bytes_count{kind="full"} 1',
    'steward_backups_at_risk 0',
    'steward_queue_given_up_total{queue="setup"} 0',
  ];
  expect(lines.filter((line) => !scraped.includes(`${line}\n`))).toEqual([]);
  const handling = /grpc_server_handling_seconds_bucket\{le="([\d.]+)",[^}]*grpc_method="InitWorkspace"/g;
  expect([...scraped.matchAll(handling)].map(([, le]) => Number(le))).toEqual([
    0.005, 0.025, 0.05, 0.1, 0.5, 1, 2.5, 5, 30, 60, 120, 240, 600,
  ]);
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
