import { z } from 'zod';
import { healthConfigSchema, tlsConfigSchema } from '../telemetry/health-config.js';

const seconds = (fallback: number) => z.number().int().positive().default(fallback);

/** A cluster the bridge follows without being told by a registration. */
const clusterSchema = z.strictObject({
  /** Also the `region` of its instances' rows. */
  name: z.string().min(1).max(64),
  /** gRPC target of its manager: `unix:/path` or `host:port`. */
  url: z.string().min(1),
  state: z.enum(['available', 'cordoned', 'draining']).default('available'),
  score: z.number().int().min(0).default(50),
  maxScore: z.number().int().min(0).default(100),
  govern: z.boolean().default(true),
  /** Geography, such as `europe`; '' for none. */
  region: z.string().default(''),
});

/** How long after its last known step a row may be unknown to its manager before it counts as lost, in seconds. */
const graceSchema = z.strictObject({
  unknown: seconds(600),
  preparing: seconds(3_600),
  building: seconds(3_600),
  pending: seconds(3_600),
  creating: seconds(3_600),
  initializing: seconds(3_600),
  running: z.number().int().min(0).default(0),
  interrupted: seconds(300),
  stopping: seconds(3_600),
});

export const bridgeConfigSchema = z.strictObject({
  /** SQLite file; its folder is created. */
  databaseFile: z.string().min(1),
  /** Addresses to serve gRPC on: `unix:/path`, `host:port`. */
  listen: z.array(z.string().min(1)).min(1),
  clusters: z
    .array(clusterSchema)
    .refine(
      (clusters) => new Set(clusters.map(({ name }) => name)).size === clusters.length,
      'names occur once',
    )
    .default([]),
  /** Create rows for instances the database does not know. Only where no other program creates them. */
  adoptUnknownInstances: z.boolean().default(true),
  /**
   * When the end of a prebuild is read: `when-stopped`, with its snapshot uploaded, or `while-stopping`, as the
   * compatible system does by default.
   */
  prebuildReading: z.enum(['when-stopped', 'while-stopping']).default('when-stopped'),
  /** Pause between two complete lists of a cluster; each is followed by a run of its control loop. */
  controllerIntervalSeconds: seconds(60),
  /** How long a cluster's stream may be dead before health says so. */
  controllerMaxDisconnectSeconds: seconds(150),
  /** A stream without any message for so long is replaced. */
  streamStallSeconds: seconds(600),
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
