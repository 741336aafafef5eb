import { z } from 'zod';
import { isInstanceId, isOwnerId, isWorkspaceId } from '../../../machines/ids.js';
import type { LifeRecord } from '../../../machines/instance-life-types.js';
import type { Activity } from '../../../machines/workspace-timeout.js';
import { StartWorkspaceSpec } from '../../gen/ws-manager-api/core.js';
import type { RecordSchema } from '../../records/schema.js';
import { decodeRequest } from './request.js';
import { type InstanceSettings, NEVER_ACTIVE, settingsOf } from './settings.js';

/** What is on disk about one instance. Nothing in it is secret. */
export interface InstanceRecord {
  /** Status version: grows with every record of this manager, and never falls. */
  readonly version: number;
  /** Base64 of the start request without its secrets. */
  readonly request: string;
  readonly fingerprint: string;
  readonly hasSecrets: boolean;
  readonly url: string;
  readonly settings: InstanceSettings;
  readonly activity: Activity;
  readonly life: LifeRecord;
}

/** A record before it has its version. */
export type InstanceDraft = Omit<InstanceRecord, 'version'>;

const time = z.number();
const count = z.number().int().min(0);

const git = z.object({
  branch: z.string(),
  latestCommit: z.string(),
  uncommittedFiles: z.array(z.string()),
  untrackedFiles: z.array(z.string()),
  unpushedCommits: z.array(z.string()),
  totalUncommittedFiles: count,
  totalUntrackedFiles: count,
  totalUnpushedCommits: count,
});

const setUp = z.array(z.object({ type: z.string(), durationMs: z.number(), sizeBytes: z.number() }));

const end = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('exited'), code: z.number().int() }),
  z.object({ kind: z.literal('lost'), reason: z.string() }),
]);

const command = z.discriminatedUnion('state', [
  z.object({ state: z.literal('none') }),
  z.object({ state: z.literal('running') }),
  z.object({ state: z.literal('ended'), end }),
]);

/** JSON has no undefined: what is absent there is undefined here. */
const life = z
  .object({
    identity: z.object({
      instance: z.string().refine(isInstanceId),
      workspace: z.string().refine(isWorkspaceId),
      owner: z.string().refine(isOwnerId),
    }),
    kind: z.enum(['regular', 'prebuild', 'imagebuild']),
    begun: z.boolean(),
    deployed: z.boolean(),
    content: z.enum(['none', 'ready', 'failed']),
    setUp: setUp.default([]),
    command,
    stop: z.object({ graceMs: count, aborted: z.boolean() }).optional(),
    timedOut: z.string(),
    failure: z.string(),
    disposal: z.enum(['none', 'backed-up', 'discarded', 'lost']),
    generation: count,
    at: time,
    createdAt: time,
    killAt: time.optional(),
    stoppingAt: time.optional(),
    message: z.string(),
    snapshot: z.string().default(''),
    gitStatus: git.optional(),
  })
  .transform(
    (read): LifeRecord => ({
      ...read,
      identity: read.identity,
      stop: read.stop,
      killAt: read.killAt,
      stoppingAt: read.stoppingAt,
      gitStatus: read.gitStatus,
    }),
  );

const settings = z
  .object({
    timeoutMs: time.optional(),
    closedTimeoutMs: time.optional(),
    lifetimeMs: time.optional(),
    admission: z.enum(['owner', 'everyone']),
    ports: z.array(
      z.object({
        port: count,
        visibility: z.enum(['private', 'public']),
        protocol: z.enum(['http', 'https']),
      }),
    ),
    sshKeys: z.array(z.string()),
  })
  .transform(
    (read): InstanceSettings => ({
      ...read,
      timeoutMs: read.timeoutMs,
      closedTimeoutMs: read.closedTimeoutMs,
      lifetimeMs: read.lifetimeMs,
    }),
  );

const activity = z
  .object({ first: time.optional(), last: time.optional(), closed: z.boolean() })
  .transform((read): Activity => ({ first: read.first, last: read.last, closed: read.closed }));

const record = z.object({
  version: z.number().int().min(1),
  request: z.string(),
  fingerprint: z.string(),
  hasSecrets: z.boolean(),
  url: z.string(),
  settings,
  activity,
  life,
});

/** Earlier versions took ports and durations that are refused now; then what a start says by saying nothing counts. */
function settingsOfEarlier(spec: StartWorkspaceSpec): InstanceSettings {
  try {
    return settingsOf(spec);
  } catch {
    return settingsOf(StartWorkspaceSpec.fromPartial({}));
  }
}

/** Version 1 knew no settings but those of the start, no activity and no timeouts. */
const versionOne = z.looseObject({ request: z.string(), life: z.looseObject({}) });

export const instanceRecordSchema: RecordSchema<InstanceRecord> = {
  version: 2,
  migrations: {
    1: (body) => {
      const old = versionOne.parse(body);
      const { spec } = decodeRequest(old.request);
      if (spec === undefined) throw new Error('its request has no spec');
      const settings = settingsOfEarlier(spec);
      return { ...old, settings, activity: NEVER_ACTIVE, life: { ...old.life, timedOut: '' } };
    },
  },
  parse: (body) => record.parse(body),
};

/** The owner's token, apart from the record: only its owner may ever see it. */
export const ownerTokenSchema: RecordSchema<{ readonly token: string }> = {
  version: 1,
  migrations: {},
  parse: (body) => z.object({ token: z.string().min(1) }).parse(body),
};
