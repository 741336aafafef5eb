import { z } from 'zod';
import { healthConfigSchema, tlsConfigSchema } from '../telemetry/health-config.js';
import * as bounds from './bounds.js';

const milliseconds = z.int().min(1);

/** Limits of one instance's content: deadlines of its steps in milliseconds, and counts. */
const limits = z.strictObject({
  recordMs: milliseconds.default(bounds.RECORD_DEADLINE_MS),
  surveyMs: milliseconds.default(bounds.SURVEY_DEADLINE_MS),
  reserveMs: milliseconds.default(bounds.RESERVE_DEADLINE_MS),
  initializeMs: milliseconds.default(bounds.INITIALIZE_DEADLINE_MS),
  sealMs: milliseconds.default(bounds.SEAL_DEADLINE_MS),
  quiesceMs: milliseconds.default(bounds.QUIESCE_DEADLINE_MS),
  disconnectMs: milliseconds.default(bounds.DISCONNECT_DEADLINE_MS),
  backupMs: milliseconds.default(bounds.BACKUP_DEADLINE_MS),
  verifyMs: milliseconds.default(bounds.VERIFY_DEADLINE_MS),
  removeMs: milliseconds.default(bounds.REMOVE_DEADLINE_MS),
  backupAttemptsMax: z.int().min(1).max(100).default(bounds.BACKUP_ATTEMPTS_MAX),
  /** Pauses between attempts double from the least to the most. */
  pauseMinMs: milliseconds.default(bounds.PAUSE_MIN_MS),
  pauseMaxMs: milliseconds.default(bounds.PAUSE_MAX_MS),
  jobsMax: z.int().min(1).max(1000).default(bounds.JOBS_MAX),
});

const content = z.strictObject({
  /** Who the content belongs to. */
  uid: z.int().min(0),
  gid: z.int().min(0),
  /** Whether this process may give files to others. */
  isRoot: z.boolean(),
});

const storage = z.strictObject({
  kind: z.literal('directory').default('directory'),
  /** Folder of the objects; best on another disk than the workspaces. */
  folder: z.string().min(1),
  bucket: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be letters, digits, ".", "_" and "-"')
    .default('steward'),
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
  storage,
  git: z.strictObject({ allowHttp: z.boolean().default(false) }).prefault({}),
  limits: limits.prefault({}),
  /** How long running backups may go on when the daemon stops. */
  stopGraceMs: milliseconds.default(bounds.STOP_GRACE_MS),
});

export type DaemonConfig = z.infer<typeof daemonConfigSchema>;
/** What may be left out is filled in. */
export type DaemonConfigInput = z.input<typeof daemonConfigSchema>;
