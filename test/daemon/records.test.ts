import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WorkingArea } from '../../src/daemon/area.js';
import { ContentRecords } from '../../src/daemon/records/content-records.js';
import { realWorld } from '../../src/gateways/real/world.js';
import type { RecordAlarm } from '../../src/records/alarm.js';
import { seal } from '../../src/records/envelope.js';
import { instanceId } from '../support/core.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const i1 = instanceId('i1');

/** What a daemon wrote before records knew of timers, promises and pre-stop: in use, with work that waits. */
const FIRST =
  '{"identity":{"instance":"i1","workspace":"w1","owner":"o1"},"generation":3,"request":{"initializer":"CgA=",' +
  '"fingerprint":"f0","hasSecrets":false,"remoteStorageDisabled":false,"quotaBytes":0},"at":1700000000000,' +
  '"since":1699999000000,"setup":{"source":"from-other","metrics":[{"type":"empty","durationMs":3,"sizeBytes":0}],' +
  '"warnings":[]},"jobs":[{"kind":"backup","ticket":4},{"kind":"snapshot","ticket":5,"name":"snapshot-7.tar"}],' +
  '"results":[{"job":{"kind":"backup","ticket":3},"at":1699999500000,"reference":{"url":"o1/x@steward",' +
  '"generation":1,"sha256":"ab","sizeBytes":9,"createdAt":1699999400000}}],"ticket":5,"lastBackup":{"url":' +
  '"o1/x@steward","generation":1,"sha256":"ab","sizeBytes":9,"createdAt":1699999400000},"attempt":0,"pauses":0,' +
  '"verified":false,"step":"available","attachments":[]}';

/** The same daemon's wrap-up of content that had gone missing, and what it remembered of another instance. */
const FIRST_WRAPPING_UP = FIRST.replace('"step":"available"', '"step":"wrapping-up"').replace(
  '"attempt":0',
  '"disposal":{"backup":false,"backupLogs":false,"reason":"gone"},"failure":{"at":1,"code":"content-missing",' +
    '"message":"gone","retryable":false,"jitter":0},"attempt":0',
);
const FIRST_FINISHED =
  '{"identity":{"instance":"i0","workspace":"w0","owner":"o1"},"endedAt":AT,"wasAvailable":true,' +
  '"fingerprint":"f0","disposal":{"backup":true,"backupLogs":false,"reason":"stopped"}}';

describe('a record of the first version', () => {
  it('is read: backups were asked for, snapshots promised, nothing else is known', async () => {
    const { records, alarms } = await opened(FIRST);
    expect(alarms).toEqual([]);
    expect(records.read(i1)).toMatchObject({
      step: 'available',
      jobs: [
        { kind: 'backup', origin: 'request', ticket: 4, acceptShrink: false },
        { kind: 'snapshot', ticket: 5, name: 'snapshot-7.tar' },
      ],
      results: [{ job: { origin: 'request' }, reference: { generation: 1 } }],
      snapshots: [{ state: 'pending', name: 'snapshot-7.tar', requestedAt: 1_700_000_000_000 }],
    });
    expect(records.read(i1)).toMatchObject({ timer: undefined, preStop: undefined, rootFailure: undefined });
  });

  it('keeps why the content is gone, so that nobody is told that it was saved', async () => {
    const { records } = await opened(FIRST_WRAPPING_UP);
    expect(records.read(i1)).toMatchObject({
      rootFailure: { code: 'content-missing' },
      disposal: { backup: false, acceptShrink: false },
    });
  });

  it('of what is finished is remembered, too', async () => {
    const { records } = await opened(FIRST, FIRST_FINISHED.replace('AT', String(Date.now())));
    expect(records.finished(instanceId('i0'))).toMatchObject({
      disposal: { acceptShrink: false, reason: 'stopped' },
      snapshots: [],
    });
  });

  it('is written in the new version by the next change, and read again', async () => {
    const { records, area } = await opened(FIRST);
    const timer = { nextAt: 5, run: 1, failures: 0 };
    await records.writeTimer(i1, timer, new AbortController().signal);
    await records.flush();
    expect(await readFile(join(area.records, 'i1.record'), 'utf8')).toMatch(/^steward-record 1 2 /);
    const again = await ContentRecords.open(realWorld(), area, () => undefined);
    expect(again.read(i1)).toEqual(records.read(i1));
  });

  it('with a timer that could be paused is read without that', async () => {
    const timer = '"timer":{"nextAt":5,"paused":false,"run":1,"failures":0}';
    const { records, alarms } = await opened(FIRST.replace('"attempt":0', `${timer},"attempt":0`));
    expect(alarms).toEqual([]);
    expect(records.read(i1)?.timer).toEqual({ nextAt: 5, run: 1, failures: 0 });
  });

  it('that does not fit is set aside and not guessed at', async () => {
    const { records, alarms, area } = await opened(FIRST.replace('"ticket":4', '"ticket":"four"'));
    expect(records.read(i1)).toBeUndefined();
    expect(alarms).toMatchObject([{ kind: 'record-set-aside', key: 'i1' }]);
    expect(await readdir(area.setAside)).toHaveLength(1);
  });
});

async function opened(living: string, finished?: string) {
  const folder = await temporaryFolder();
  const area = new WorkingArea(join(folder, 'daemon'), join(folder, 'secrets'));
  await mkdir(area.records, { recursive: true });
  await mkdir(area.finished, { recursive: true });
  await writeFile(join(area.records, 'i1.record'), seal('i1', 1, JSON.parse(living)));
  if (finished !== undefined) {
    await writeFile(join(area.finished, 'i0.record'), seal('i0', 1, JSON.parse(finished)));
  }
  const alarms: RecordAlarm[] = [];
  const records = await ContentRecords.open(realWorld(), area, (alarm) => alarms.push(alarm));
  return { records, alarms, area };
}
