import { z } from 'zod';
import { databaseConfigSchema } from '../database/config.js';
import { redisConfigSchema } from '../events/redis-config.js';
import { healthConfigSchema, tlsConfigSchema } from '../telemetry/health-config.js';
import { CLUSTER_SCORE_MAX } from './bounds.js';
import { CLUSTER_STATES } from './clusters/workspace-cluster.js';

const seconds = (fallback: number) => z.number().int().positive().default(fallback);

/** A cluster the bridge follows without being told by a registration. */
const clusterSchema = z.strictObject({
  /** Also the `region` of its instances' rows. */
  name: z.string().min(1).max(64),
  /** gRPC target of its manager: `unix:/path`, `host:port` or `dns:///host:port`. */
  url: z.string().min(1),
  /** Paths of PEM files: authority of the manager's certificate, certificate and key to show it. Plain without. */
  tls: z.strictObject({ ca: z.string().min(1), crt: z.string().min(1), key: z.string().min(1) }).optional(),
  state: z.enum(CLUSTER_STATES).default('available'),
  score: z.number().int().min(0).max(CLUSTER_SCORE_MAX).default(50),
  maxScore: z.number().int().min(0).max(CLUSTER_SCORE_MAX).default(100),
  govern: z.boolean().default(true),
  /** Who may use it; nobody is excluded without. */
  admissionConstraints: z
    .array(
      z.discriminatedUnion('type', [
        z.strictObject({ type: z.literal('has-feature-preview') }),
        z.strictObject({ type: z.literal('has-permission'), permission: z.string().min(1) }),
      ]),
    )
    .default([]),
  /** Geography, such as `europe`; '' for none. */
  region: z.string().default(''),
});

/** How long a row may stay in a phase: beyond it, it is stopped. */
const timeoutsSchema = z.strictObject({
  /** Also when its manager knows it. */
  preparingPhaseSeconds: seconds(3_600),
  buildingPhaseSeconds: seconds(3_600),
  unknownPhaseSeconds: seconds(600),
  /** Once its manager does not know it. */
  pendingPhaseSeconds: seconds(3_600),
  stoppingPhaseSeconds: seconds(3_600),
});

/** How long after its last known step a row may be unknown to its manager before it counts as lost, in seconds. */
const graceSchema = z.strictObject({
  creating: seconds(3_600),
  initializing: seconds(3_600),
  running: z.number().int().min(0).default(0),
  interrupted: seconds(300),
  /** Of a row in any phase whose cluster is not registered, and as long must that have been so. */
  unregistered: seconds(3_600),
});

export const bridgeConfigSchema = z.strictObject({
  /**
   * Where the rows are: `mysql://user:password@host:port/name` or an object; "kind": "sqlite" for a file.
   * Without, the file that `databaseFile` names.
   */
  database: databaseConfigSchema.optional(),
  /** SQLite file; its folder is created. */
  databaseFile: z.string().min(1).optional(),
  /** Where events are published: `redis://user:password@host:port` or an object. Without, only in this process. */
  redis: redisConfigSchema.optional(),
  /** Addresses to serve gRPC on: `unix:/path`, `host:port`. */
  listen: z.array(z.string().min(1)).min(1),
  clusters: z
    .array(clusterSchema)
    .refine(
      (clusters) => new Set(clusters.map(({ name }) => name)).size === clusters.length,
      'names occur once',
    )
    .default([]),
  /**
   * Create rows for instances the database does not know. Only where no other program creates them, so it is off
   * by default where another program has made the tables.
   */
  adoptUnknownInstances: z.boolean().optional(),
  /** Where beginnings and ends of lives are told: nowhere, or in the log. */
  analytics: z.enum(['none', 'log']).default('none'),
  /**
   * When the end of a prebuild is read: `when-stopped`, with its snapshot uploaded, or `while-stopping`, as the
   * compatible system does by default.
   */
  prebuildReading: z.enum(['when-stopped', 'while-stopping']).default('when-stopped'),
  /** Name that rows have for a cluster while they are prepared; '' where no other program prepares them. */
  installation: z.string().max(255).default(''),
  /** Pause between two looks at the registered clusters; each change made through the bridge is followed by one. */
  wsClusterDBReconcileIntervalSeconds: seconds(60),
  /** Pause between two complete lists of a cluster; each is followed by a run of its control loop. */
  controllerIntervalSeconds: seconds(60),
  /** How long a cluster's stream may be dead before health says so. */
  controllerMaxDisconnectSeconds: seconds(150),
  /** A stream without any message for so long is replaced. */
  streamStallSeconds: seconds(600),
  timeouts: timeoutsSchema.prefault({}),
  graceSeconds: graceSchema.prefault({}),
  /** Of a cluster's rows, the largest share that one run of its control loop may stop; 0 to 1. */
  stopShareMax: z.number().min(0).max(1).default(0.5),
  /** Folder of its records, for people who ask. */
  stateFolder: z.string().default(''),
  /** Allows addresses that other machines reach without TLS. */
  insecure: z.boolean().default(false),
  tls: tlsConfigSchema.optional(),
  http: healthConfigSchema.optional(),
});

export type BridgeConfig = z.infer<typeof bridgeConfigSchema>;
export type ClusterConfig = z.infer<typeof clusterSchema>;
export type GraceSeconds = z.infer<typeof graceSchema>;
export type TimeoutSeconds = z.infer<typeof timeoutsSchema>;
