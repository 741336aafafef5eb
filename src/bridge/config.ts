import { z } from 'zod';
import { databaseConfigSchema } from '../database/config.js';
import { redisConfigSchema } from '../events/redis-config.js';
import { healthConfigSchema, tlsConfigSchema } from '../telemetry/health-config.js';
import { CLUSTER_SCORE_MAX, PORT_MAX } from './bounds.js';
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

const clustersSchema = <Cluster extends z.ZodType<{ readonly name: string }>>(cluster: Cluster) =>
  z
    .array(cluster)
    .refine(
      (clusters) => new Set(clusters.map(({ name }) => name.toLowerCase())).size === clusters.length,
      'names occur once, whatever the case of their letters',
    );

/**
 * Keys of the known system's file that are called otherwise here, or do nothing there either: its files are taken as
 * they are. What `BRIDGE_SYNONYMS` says counts: of two keys of one meaning only one may be said.
 */
const knownShape = {
  /** `clusters`. */
  staticBridges: clustersSchema(
    clusterSchema.extend({
      /** Without effect there, too. */
      applicationCluster: z.string().optional(),
    }),
  ).optional(),
  /** Of `listen`: another address beside the local one. */
  clusterService: z
    .strictObject({
      host: z.string().min(1).default('localhost'),
      port: z.number().int().min(0).max(PORT_MAX).default(8_080),
    })
    .optional(),
  /** Without effect there, too. */
  clusterSyncIntervalSeconds: z.number().optional(),
  emulatePreparingIntervalSeconds: z.number().optional(),
};

/** Keys that mean the same, ours first. */
export const BRIDGE_SYNONYMS = [
  ['clusters', 'staticBridges'],
  ['listen', 'clusterService'],
] as const;

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

/**
 * How long after its last known step a row may be unknown to its manager before it counts as lost, in seconds; one that
 * has run, after the first list that lacked it.
 */
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
  clusters: clustersSchema(clusterSchema).default([]),
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
  /** A stream without any message for so long, of statuses or of transitions, is replaced. */
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
  ...knownShape,
});

export type BridgeConfig = z.infer<typeof bridgeConfigSchema>;
export type ClusterConfig = z.infer<typeof clusterSchema>;
export type GraceSeconds = z.infer<typeof graceSchema>;
export type TimeoutSeconds = z.infer<typeof timeoutsSchema>;

/** The same, in our words only. */
export function inOwnWords(config: BridgeConfig): BridgeConfig {
  const { staticBridges, clusterService, ...own } = config;
  const clusters = staticBridges?.map(({ applicationCluster: _, ...cluster }) => cluster);
  return {
    ...own,
    clusters: clusters ?? own.clusters,
    listen: clusterService === undefined ? own.listen : [...own.listen, addressOf(clusterService)],
  };
}

/** An IPv6 address is told from its port by brackets. */
function addressOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`;
}
