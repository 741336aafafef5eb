import { z } from 'zod';
import {
  type InstanceId,
  isInstanceId,
  isOwnerId,
  isWorkspaceId,
  type OwnerId,
  type WorkspaceId,
} from '../../../machines/ids.js';
import type { ContentRecord } from '../../../machines/record.js';
import { CONTENT_RECORD_VERSION } from '../../../machines/record.js';
import type { RecordSchema } from '../../records/schema.js';
import type { Finished } from '../instance/finished.js';
import { contentFromFirst, finishedFromFirst } from './first-version.js';

const instance = z.custom<InstanceId>((value) => typeof value === 'string' && isInstanceId(value));
const workspace = z.custom<WorkspaceId>((value) => typeof value === 'string' && isWorkspaceId(value));
const owner = z.custom<OwnerId>((value) => typeof value === 'string' && isOwnerId(value));
const time = z.number().int();
const count = z.number().int().nonnegative();

const identity = z.strictObject({ instance, workspace, owner });

const failure = z.strictObject({
  at: time,
  code: z.string(),
  message: z.string(),
  retryable: z.boolean(),
  jitter: z.number(),
});

const reference = z.strictObject({
  url: z.string(),
  generation: count,
  sha256: z.string(),
  sizeBytes: count,
  createdAt: time,
});

const request = z.strictObject({
  initializer: z.base64(),
  fingerprint: z.string(),
  hasSecrets: z.boolean(),
  remoteStorageDisabled: z.boolean(),
  quotaBytes: count,
});

const setup = z
  .strictObject({
    source: z.enum(['from-backup', 'from-prebuild', 'from-other']),
    metrics: z.array(z.strictObject({ type: z.string(), durationMs: z.number(), sizeBytes: z.number() })),
    checkoutLocation: z.string().optional(),
    otherCheckouts: z.array(z.string()).optional(),
    restoredGeneration: count.optional(),
    warnings: z.array(z.string()),
  })
  .transform(({ checkoutLocation, otherCheckouts, restoredGeneration, ...rest }) => ({
    ...rest,
    ...(restoredGeneration === undefined ? {} : { restoredGeneration }),
    ...(checkoutLocation === undefined ? {} : { checkoutLocation }),
    ...(otherCheckouts === undefined ? {} : { otherCheckouts }),
  }));

const checkoutShape = {
  branch: z.string(),
  latestCommit: z.string(),
  uncommittedFiles: z.array(z.string()),
  untrackedFiles: z.array(z.string()),
  unpushedCommits: z.array(z.string()),
  totalUncommittedFiles: count,
  totalUntrackedFiles: count,
  totalUnpushedCommits: count,
};

const gitReport = z
  .strictObject({
    ...checkoutShape,
    others: z.array(z.strictObject({ ...checkoutShape, location: z.string() })).optional(),
  })
  .transform(({ others, ...rest }) => ({ ...rest, ...(others === undefined ? {} : { others }) }));

const backupJob = { kind: z.literal('backup'), ticket: count };
const job = z.union([
  z.strictObject({ ...backupJob, origin: z.literal('request'), acceptShrink: z.boolean() }),
  z.strictObject({ ...backupJob, origin: z.literal('timer'), run: count }),
  z.strictObject({ kind: z.literal('snapshot'), ticket: count, name: z.string() }),
]);

const promise = { name: z.string(), requestedAt: time };
const snapshot = z.discriminatedUnion('state', [
  z.strictObject({ state: z.literal('pending'), ...promise }),
  z.strictObject({ state: z.literal('available'), ...promise, reference }),
  z.strictObject({ state: z.literal('failed'), ...promise, failure }),
]);

/** Earlier ones said that a timer was paused, which none ever was. */
const timer = z
  .strictObject({ nextAt: time, paused: z.boolean().optional(), run: count, failures: count })
  .transform(({ nextAt, run, failures }) => ({ nextAt, run, failures }));

const preStop = z
  .strictObject({
    outcome: z.enum(['absent', 'succeeded', 'failed', 'timed-out']),
    exitCode: z.number().int().optional(),
    durationMs: z.number(),
    at: time,
  })
  .transform(({ exitCode, ...rest }) => ({ ...rest, ...(exitCode === undefined ? {} : { exitCode }) }));

const logs = z.strictObject({ outcome: z.enum(['uploaded', 'failed']), at: time });

const jobResult = z
  .strictObject({ job, at: time, reference: reference.optional(), failure: failure.optional() })
  .transform((result) => ({
    job: result.job,
    at: result.at,
    ...(result.reference === undefined ? {} : { reference: result.reference }),
    ...(result.failure === undefined ? {} : { failure: result.failure }),
  }));

const mountPlan = z
  .strictObject({
    name: z.string(),
    type: z.enum(['proc', 'sysfs', 'nfs', 'content']),
    target: z.string(),
    source: z.string().optional(),
    options: z.string().optional(),
  })
  .transform(({ source, options, ...rest }) => ({
    ...rest,
    ...(source === undefined ? {} : { source }),
    ...(options === undefined ? {} : { options }),
  }));

const attachment = z.strictObject({
  attachment: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('mount'), plan: mountPlan }),
    z.strictObject({ kind: z.literal('veth'), plan: z.strictObject({ name: z.string(), pid: count }) }),
  ]),
  step: z.enum(['attaching', 'attached', 'detaching', 'absent']),
});

const disposal = z.strictObject({
  backup: z.boolean(),
  backupLogs: z.boolean(),
  acceptShrink: z.boolean(),
  reason: z.string(),
});

const contentRecord = z.strictObject({
  identity,
  generation: count,
  request: request.optional(),
  at: time,
  since: time,
  setup: setup.optional(),
  jobs: z.array(job),
  results: z.array(jobResult),
  ticket: count,
  snapshots: z.array(snapshot),
  lastBackup: reference.optional(),
  savedAt: time.optional(),
  timer: timer.optional(),
  attachments: z.array(attachment),
  parked: z.strictObject({ at: time, reason: z.string() }).optional(),
  disposal: disposal.optional(),
  preStop: preStop.optional(),
  logs: logs.optional(),
  attempt: count,
  pauses: count,
  finalBackup: reference.optional(),
  verified: z.boolean(),
  gitStatus: gitReport.optional(),
  failure: failure.optional(),
  rootFailure: failure.optional(),
  step: z.enum(['setting-up', 'available', 'wrapping-up', 'removing', 'gone']),
});

const finished = z.strictObject({
  identity,
  endedAt: time,
  wasAvailable: z.boolean(),
  fingerprint: z.string().optional(),
  disposal: disposal.optional(),
  gitStatus: gitReport.optional(),
  finalBackup: reference.optional(),
  snapshots: z.array(snapshot),
  preStop: preStop.optional(),
  failure: failure.optional(),
});

/** Reads records of instances that are not gone. JSON leaves out what is undefined; it comes back as undefined. */
export const contentRecordSchema: RecordSchema<ContentRecord> = {
  version: CONTENT_RECORD_VERSION,
  migrations: { 1: contentFromFirst },
  parse: (body) => {
    const record = contentRecord.parse(body);
    // Written out, so that the many records of a node share one shape in memory.
    return {
      identity: record.identity,
      generation: record.generation,
      request: record.request,
      at: record.at,
      since: record.since,
      setup: record.setup,
      jobs: record.jobs,
      results: record.results,
      ticket: record.ticket,
      snapshots: record.snapshots,
      lastBackup: record.lastBackup,
      savedAt: record.savedAt,
      timer: record.timer,
      attachments: record.attachments,
      parked: record.parked,
      disposal: record.disposal,
      preStop: record.preStop,
      logs: record.logs,
      attempt: record.attempt,
      pauses: record.pauses,
      finalBackup: record.finalBackup,
      verified: record.verified,
      gitStatus: record.gitStatus,
      failure: record.failure,
      rootFailure: record.rootFailure,
      step: record.step,
    };
  },
};

/** Reads what is remembered of instances that are gone. */
export const finishedSchema: RecordSchema<Finished> = {
  version: 2,
  migrations: { 1: finishedFromFirst },
  parse: (body) => {
    const record = finished.parse(body);
    return {
      ...record,
      fingerprint: record.fingerprint,
      disposal: record.disposal,
      gitStatus: record.gitStatus,
      finalBackup: record.finalBackup,
      preStop: record.preStop,
      failure: record.failure,
    };
  },
};
