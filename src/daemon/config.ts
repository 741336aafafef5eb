import { z } from 'zod';
import { BACKUP_PERIOD_MS } from '../../machines/limits.js';
import { duration } from '../config/fields.js';
import { healthConfigSchema, tlsConfigSchema } from '../telemetry/health-config.js';
import * as bounds from './bounds.js';
import { backupSchema } from './config-backup.js';
import { layersSchema } from './config-layers.js';
import {
  confinementSchema,
  diskSchema,
  drillsSchema,
  housekeepingSchema,
  preStopSchema,
  queuesSchema,
} from './config-upkeep.js';
import { storageSchema } from './storage-config.js';

/** Deadlines of the steps of one instance's content, pauses between attempts, and counts. */
const limits = z
  .strictObject({
    record: duration().default(bounds.RECORD_DEADLINE_MS),
    survey: duration().default(bounds.SURVEY_DEADLINE_MS),
    reserve: duration().default(bounds.RESERVE_DEADLINE_MS),
    initialize: duration().default(bounds.INITIALIZE_DEADLINE_MS),
    seal: duration().default(bounds.SEAL_DEADLINE_MS),
    preStop: duration().default(bounds.PRE_STOP_STEP_MS),
    quiesce: duration().default(bounds.QUIESCE_DEADLINE_MS),
    logs: duration().default(bounds.LOGS_DEADLINE_MS),
    disconnect: duration().default(bounds.DISCONNECT_DEADLINE_MS),
    backup: duration().default(bounds.BACKUP_DEADLINE_MS),
    verify: duration().default(bounds.VERIFY_DEADLINE_MS),
    remove: duration().default(bounds.REMOVE_DEADLINE_MS),
    backupAttemptsMax: z.int().min(1).max(100).default(bounds.BACKUP_ATTEMPTS_MAX),
    /** Pauses between attempts double from the least to the most. */
    pauseMin: duration().default(bounds.PAUSE_MIN_MS),
    pauseMax: duration().default(bounds.PAUSE_MAX_MS),
    jobsMax: z.int().min(1).max(1000).default(bounds.JOBS_MAX),
    attachmentsMax: z.int().min(1).max(1000).default(bounds.ATTACHMENTS_MAX),
    snapshotsMax: z.int().min(1).max(1000).default(bounds.SNAPSHOTS_REMEMBERED_MAX),
  })
  .transform((said) => ({
    recordMs: said.record,
    surveyMs: said.survey,
    reserveMs: said.reserve,
    initializeMs: said.initialize,
    sealMs: said.seal,
    preStopMs: said.preStop,
    quiesceMs: said.quiesce,
    logsMs: said.logs,
    disconnectMs: said.disconnect,
    backupMs: said.backup,
    verifyMs: said.verify,
    removeMs: said.remove,
    backupAttemptsMax: said.backupAttemptsMax,
    pauseMinMs: said.pauseMin,
    pauseMaxMs: said.pauseMax,
    jobsMax: said.jobsMax,
    attachmentsMax: said.attachmentsMax,
    snapshotsMax: said.snapshotsMax,
    backupPeriodMs: BACKUP_PERIOD_MS,
  }));

const content = z.strictObject({
  /** Who the content belongs to. */
  uid: z.int().min(0),
  gid: z.int().min(0),
  /** Whether this process may give files to others. */
  isRoot: z.boolean(),
});

export const daemonConfigSchema = z.strictObject({
  /** Records, history and the content of the workspaces. */
  stateFolder: z.string().min(1),
  /** For credentials of set-ups under way; on a memory file system where there is one. */
  secretsFolder: z.string().min(1),
  /** Addresses to serve gRPC on: `unix:/path`, `host:port`. */
  listen: z.array(z.string().min(1)).min(1),
  /** Allows addresses that other machines reach without TLS. */
  insecure: z.boolean().default(false),
  tls: tlsConfigSchema.optional(),
  http: healthConfigSchema.optional(),
  /** Name of this node in transitions and status. */
  node: z.string().min(1).default('localhost'),
  content,
  storage: storageSchema,
  /** Versions are unpacked for a look below this folder only; default: `restored` in the state folder. */
  restoreFolder: z.string().startsWith('/').optional(),
  git: z.strictObject({ allowHttp: z.boolean().default(false) }).prefault({}),
  limits: limits.prefault({}),
  queues: queuesSchema,
  layers: layersSchema,
  backup: backupSchema,
  preStop: preStopSchema,
  confinement: confinementSchema,
  housekeeping: housekeepingSchema,
  disk: diskSchema,
  drills: drillsSchema,
  /** How long running backups may go on when the daemon stops. */
  stopGrace: duration().default(bounds.STOP_GRACE_MS),
});

export type DaemonConfig = z.infer<typeof daemonConfigSchema>;
/** What may be left out is filled in. */
export type DaemonConfigInput = z.input<typeof daemonConfigSchema>;
