import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { isInstanceId, isOwnerId, isWorkspaceId } from '../machines/ids.js';
import type { ContentRecord } from '../machines/record.js';
import { WorkingArea } from '../src/daemon/area.js';
import { ContentRecords } from '../src/daemon/records/content-records.js';
import { realWorld } from '../src/gateways/real/world.js';
import { type DaemonChild, startDaemonChild } from './daemon-child.js';
import { median, type Row } from './row.js';

const MANY = 10_000;
const SOME = 1_000;
const ROUNDS = 3;
/** How often it is looked whether the last instance is back. */
const LOOK_MS = 5;

interface Started {
  readonly residentBytes: number;
  readonly recoveryMs: number;
}

/** What idle instances cost a real daemon process: memory each, and time to come back. */
export async function benchRecords(): Promise<readonly Row[]> {
  const none = await measured(0);
  const some = await measured(SOME);
  const many = await measured(MANY);
  const recoveryMs = some.recoveryMs - none.recoveryMs;
  const eachBytes = (many.residentBytes - none.residentBytes) / MANY;
  return [
    {
      what: `memory of one idle instance (${MANY} of them)`,
      ours: `${(many.residentBytes / 2 ** 20).toFixed(0)} MiB`,
      against: `${(none.residentBytes / 2 ** 20).toFixed(0)} MiB (none)`,
      result: `${(eachBytes / 1024).toFixed(1)} KB`,
      target: '≤ 25 KB',
      isMet: eachBytes <= 25 * 1024,
    },
    {
      what: `${SOME} records brought back, above a start without any`,
      ours: `${some.recoveryMs.toFixed(0)} ms`,
      against: `${none.recoveryMs.toFixed(0)} ms (none)`,
      result: `${recoveryMs.toFixed(0)} ms`,
      target: '< 1000 ms',
      isMet: recoveryMs < 1000,
    },
  ];
}

async function measured(count: number): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), 'steward-bench-'));
  try {
    await writeRecords(folder, count);
    const runs: Started[] = [];
    for (let round = 0; round < ROUNDS; round += 1) runs.push(await startDaemonProcess(folder, count));
    return {
      residentBytes: median(runs.map(({ residentBytes }) => residentBytes)),
      recoveryMs: median(runs.map(({ recoveryMs }) => recoveryMs)),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Records and folders as instances in use leave them. */
async function writeRecords(folder: string, count: number): Promise<void> {
  const area = new WorkingArea(join(folder, 'daemon'), join(folder, 'secrets'));
  const records = await ContentRecords.open(realWorld(), area, () => undefined);
  const writes: Promise<void>[] = [];
  for (let index = 0; index < count; index += 1) {
    const record = recordOf(index);
    const { instance } = record.identity;
    mkdirSync(area.contentOf(instance), { recursive: true });
    writes.push(records.change(instance, () => record, new AbortController().signal));
    if (writes.length === 500) await Promise.all(writes.splice(0));
  }
  await Promise.all(writes);
}

function recordOf(index: number): ContentRecord {
  const [instance, workspace, owner] = [`instance-${index}`, `workspace-${index}`, 'bench'];
  if (!isInstanceId(instance) || !isWorkspaceId(workspace) || !isOwnerId(owner)) throw new Error('no ids');
  const at = Date.now();
  return {
    identity: { instance, workspace, owner },
    generation: 1,
    request: {
      initializer: 'CgA=',
      fingerprint: 'f'.repeat(64),
      hasSecrets: false,
      remoteStorageDisabled: false,
      quotaBytes: 0,
    },
    at,
    since: at,
    setup: {
      source: 'from-other',
      metrics: [{ type: 'git', durationMs: 900, sizeBytes: 1_000_000 }],
      warnings: [],
    },
    jobs: [],
    results: [],
    ticket: 0,
    snapshots: [],
    lastBackup: undefined,
    savedAt: undefined,
    timer: { nextAt: at + 300_000, run: 0, failures: 0 },
    attachments: [],
    parked: undefined,
    disposal: undefined,
    preStop: undefined,
    logs: undefined,
    attempt: 0,
    pauses: 0,
    finalBackup: undefined,
    verified: false,
    gitStatus: undefined,
    failure: undefined,
    rootFailure: undefined,
    step: 'available',
  };
}

async function startDaemonProcess(folder: string, count: number): Promise<Started> {
  const start = performance.now();
  const daemon = await startDaemonChild(folder);
  try {
    while (count > 0 && !(await isBack(daemon, `instance-${count - 1}`))) await wait(LOOK_MS);
    const recoveryMs = performance.now() - start;
    return { recoveryMs, residentBytes: await daemon.idle() };
  } finally {
    await daemon.stop();
  }
}

/** In use again. */
async function isBack({ steward }: DaemonChild, instanceId: string): Promise<boolean> {
  const { content } = await steward.getContent({ instanceId });
  return content?.step === 'available.idle';
}
