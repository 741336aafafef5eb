import { z } from 'zod';
import { duration, quantity, size } from '../config/fields.js';
import { healthConfigSchema, tlsConfigSchema } from '../telemetry/health-config.js';
import * as bounds from './bounds.js';
import { commandSchema } from './instance/command.js';

/** Of one class, as Kubernetes writes them: `2`, `500m`; `8Gi`. They describe it; nothing is enforced by them here. */
const resources = { memory: size().optional(), storage: size().optional() };

const workspaceClass = z.strictObject({
  name: z.string().default(''),
  /** Default: made from its limits, else its requests. */
  description: z.string().default(''),
  creditsPerMinute: z.number().min(0).default(0),
  requests: z.strictObject({ cpu: quantity().optional(), ...resources }).prefault({}),
  limits: z
    .strictObject({
      cpu: z.strictObject({ min: quantity().optional(), burst: quantity().optional() }).prefault({}),
      ...resources,
    })
    .prefault({}),
});

/** What Kubernetes takes as the value of a label, which a class is in a cluster. */
const classId = z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/, 'is no value of a label');

export type WorkspaceClass = z.infer<typeof workspaceClass>;

/** Deadlines of an instance's steps, and the least and longest pause between attempts. */
const limits = z
  .strictObject({
    record: duration().default(bounds.RECORD_DEADLINE_MS),
    survey: duration().default(bounds.SURVEY_DEADLINE_MS),
    prepare: duration().default(bounds.PREPARE_DEADLINE_MS),
    initialize: duration().default(bounds.INITIALIZE_DEADLINE_MS),
    start: duration().default(bounds.START_DEADLINE_MS),
    snapshot: duration().default(bounds.SNAPSHOT_DEADLINE_MS),
    kill: duration().default(bounds.KILL_DEADLINE_MS),
    dispose: duration().default(bounds.DISPOSE_DEADLINE_MS),
    pauseMin: duration().default(bounds.PAUSE_MIN_MS),
    pauseMax: duration().default(bounds.PAUSE_MAX_MS),
  })
  .transform((said) => ({
    recordMs: said.record,
    surveyMs: said.survey,
    prepareMs: said.prepare,
    initializeMs: said.initialize,
    startMs: said.start,
    snapshotMs: said.snapshot,
    killMs: said.kill,
    disposeMs: said.dispose,
    pauseMinMs: said.pauseMin,
    pauseMaxMs: said.pauseMax,
  }));

/** How long an instance may take for each phase, and how long it may be left alone. */
const timeouts = z
  .strictObject({
    /** From the request to its command running. */
    startup: duration().default(bounds.TIMEOUT_STARTUP_MS),
    /** From the request to the beginning of work on it. */
    initialization: duration().default(bounds.TIMEOUT_INITIALIZATION_MS),
    /** Without activity; an instance may have one of its own. */
    regularWorkspace: duration().default(bounds.TIMEOUT_REGULAR_MS),
    /** Of a regular or headless workspace, whatever happens in it; an instance may have one of its own. */
    maxLifetime: duration().default(bounds.TIMEOUT_LIFETIME_MS),
    headlessWorkspace: duration().default(bounds.TIMEOUT_HEADLESS_MS),
    /** After its user closed the editor; an instance may have one of its own. */
    afterClose: duration().default(bounds.TIMEOUT_AFTER_CLOSE_MS),
    contentFinalization: duration().default(bounds.TIMEOUT_FINALIZATION_MS),
    /**
     * Known to existing configurations. It would count from a complete backup on; here an instance has stopped when its
     * final backup is recorded, so that nothing is left to take too long.
     */
    stopping: duration().default(bounds.TIMEOUT_STOPPING_MS),
    /** Known to existing configurations; nothing is ever interrupted here. */
    interrupted: duration().default(bounds.TIMEOUT_INTERRUPTED_MS),
  })
  .refine(({ stopping, contentFinalization }) => stopping >= contentFinalization, {
    path: ['stopping'],
    error: 'must not be shorter than contentFinalization',
  })
  .transform((said) => ({
    startupMs: said.startup,
    initializationMs: said.initialization,
    regularMs: said.regularWorkspace,
    lifetimeMs: said.maxLifetime,
    headlessMs: said.headlessWorkspace,
    afterCloseMs: said.afterClose,
    finalizationMs: said.contentFinalization,
  }));

const portNumber = z.number().int().min(1).max(65_535);

const hostPorts = z
  .strictObject({
    first: portNumber.default(bounds.HOST_PORT_FIRST),
    last: portNumber.default(bounds.HOST_PORT_LAST),
  })
  .refine(({ first, last }) => first <= last, { path: ['last'], error: 'must not be less than first' });

/** Name of the class an unknown or absent one stands for. */
export const DEFAULT_CLASS = 'g1-standard';

export const managerConfigSchema = z.strictObject({
  /** Records, logs and runs. */
  stateFolder: z.string().min(1),
  /** For the secrets of starts; on a memory file system where there is one. */
  secretsFolder: z.string().min(1),
  /** Folder below which the daemon keeps the content of each instance, under its id. */
  contentRoot: z.string().min(1),
  /** `unix:/path` or `host:port`. */
  listen: z.array(z.string().min(1)).min(1),
  /** Allows addresses that others can reach without TLS. */
  insecure: z.boolean().default(false),
  tls: tlsConfigSchema.optional(),
  http: healthConfigSchema.optional(),
  daemonAddress: z.string().min(1),
  /** Who workspaces run as; absent: the present user, which only root can change. */
  owner: z.strictObject({ uid: z.number().int().min(0), gid: z.number().int().min(0) }).optional(),
  runtime: z.literal('local').default('local'),
  /** Of the loopback address: where exposed ports are reached. */
  hostPorts: hostPorts.prefault({}),
  nodeName: z.string().min(1).default('localhost'),
  nodeAddress: z.string().default('127.0.0.1'),
  /** `{id}` and `{prefix}` stand for the instance's and the workspace's id. */
  urlTemplate: z.string().min(1).default('steward://{id}'),
  defaultCommand: commandSchema.default(['/bin/sh', '-c', 'exec sleep infinity']),
  classes: z.record(classId, workspaceClass).prefault({
    [DEFAULT_CLASS]: { name: 'Standard', description: 'This machine' },
  }),
  preferredClass: z.string().default(DEFAULT_CLASS),
  timeouts: timeouts.prefault({}),
  /** How often users of an instance say that they are there; after a restart they get that long to do so. */
  heartbeatInterval: duration().default(bounds.HEARTBEAT_MS),
  /** A file that announces maintenance; default `maintenance.json` in the state folder. */
  maintenanceFile: z.string().min(1).optional(),
  limits: limits.prefault({}),
  /** How long a stopped instance is listed after somebody was told that it stopped. */
  stoppedQuiet: duration().default(bounds.STOPPED_QUIET_MS),
});

export type ManagerConfig = z.infer<typeof managerConfigSchema>;
/** What may be left out is filled in. */
export type ManagerConfigInput = z.input<typeof managerConfigSchema>;
