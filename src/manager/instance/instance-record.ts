import { z } from 'zod';
import { isInstanceId, isOwnerId, isWorkspaceId } from '../../../machines/ids.js';
import type { LifeRecord } from '../../../machines/instance-life-types.js';
import type { RecordSchema } from '../../records/schema.js';

/** What is on disk about one instance. Nothing in it is secret. */
export interface InstanceRecord {
  /** Status version: grows with every record of this manager, and never falls. */
  readonly version: number;
  /** Base64 of the start request without its secrets. */
  readonly request: string;
  readonly fingerprint: string;
  readonly hasSecrets: boolean;
  readonly url: string;
  readonly life: LifeRecord;
}

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
    command,
    stop: z.object({ graceMs: count, aborted: z.boolean() }).optional(),
    failure: z.string(),
    disposal: z.enum(['none', 'backed-up', 'discarded', 'lost']),
    generation: count,
    at: time,
    createdAt: time,
    killAt: time.optional(),
    message: z.string(),
    gitStatus: git.optional(),
  })
  .transform(
    (read): LifeRecord => ({
      ...read,
      identity: read.identity,
      stop: read.stop,
      killAt: read.killAt,
      gitStatus: read.gitStatus,
    }),
  );

const record = z.object({
  version: z.number().int().min(1),
  request: z.string(),
  fingerprint: z.string(),
  hasSecrets: z.boolean(),
  url: z.string(),
  life,
});

export const instanceRecordSchema: RecordSchema<InstanceRecord> = {
  version: 1,
  migrations: {},
  parse: (body) => record.parse(body),
};

/** The owner's token, apart from the record: only its owner may ever see it. */
export const ownerTokenSchema: RecordSchema<{ readonly token: string }> = {
  version: 1,
  migrations: {},
  parse: (body) => z.object({ token: z.string().min(1) }).parse(body),
};
