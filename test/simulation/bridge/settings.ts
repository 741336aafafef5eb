import { type BridgeConfig, bridgeConfigSchema } from '../../../src/bridge/config.js';
import type { LeaseMode } from '../../../src/bridge/writing/lease-keeper.js';
import type { SeededRandom } from '../../../src/gateways/simulated/random.js';

/** What a step of a scenario can be. */
export const OPERATIONS = [
  'start',
  'advance',
  'chatter',
  'burst',
  'forget',
  'rewind',
  'cutStreams',
  'deafenStreams',
  'listsAreStale',
  'managerRestarts',
  'managerHangs',
  'managerIsReset',
  'managerCountsAnew',
  'databaseGoes',
  'databaseOnlyReads',
  'redisGoes',
  'startBridge',
  'kill',
  'armKill',
  'pause',
  'stopBridge',
  'register',
  'deregister',
  'deregisterByForce',
  'changeCluster',
  'moveCluster',
  'resume',
  'writeBeside',
  'deleteRow',
  'clockSteps',
  'pass',
  'passLong',
] as const;

export type Operation = (typeof OPERATIONS)[number];

/** Chances per message, transaction, event and call. */
export interface FaultRates {
  readonly messageLost: number;
  readonly messageTwice: number;
  readonly messageLate: number;
  readonly callFails: number;
  readonly callHangs: number;
  readonly readFails: number;
  /** Nothing was done: a lost connection, a deadlock. */
  readonly writeRefused: number;
  /** All was done and is undone at its end. */
  readonly writeRolledBack: number;
  /** It is committed, and nobody is told. */
  readonly writeUnanswered: number;
  /** The same, and it is committed after its caller has given up. */
  readonly writeLate: number;
  readonly publishRefused: number;
  readonly publishUnanswered: number;
  /** The longest that anything takes which is well. */
  readonly slowestMs: number;
}

export const NO_FAULTS: FaultRates = {
  messageLost: 0,
  messageTwice: 0,
  messageLate: 0,
  callFails: 0,
  callHangs: 0,
  readFails: 0,
  writeRefused: 0,
  writeRolledBack: 0,
  writeUnanswered: 0,
  writeLate: 0,
  publishRefused: 0,
  publishUnanswered: 0,
  slowestMs: 5,
};

/** What one seed switches on, and how much of it. */
export interface Settings {
  readonly steps: number;
  readonly weights: ReadonlyMap<Operation, number>;
  readonly faults: FaultRates;
  readonly mode: LeaseMode;
  /** Transactions at the same time. */
  readonly concurrency: number;
  readonly adopts: boolean;
  /** Managers answer a subscription at once, not with its first status. */
  readonly announces: boolean;
  readonly firstVersion: bigint;
  /** The database's clock is so far from that of the bridges. */
  readonly skewMs: number;
  readonly config: BridgeConfig;
}

export const LOCAL = 'local';
/** Clusters that may be registered beside the one of the configuration. */
export const OTHERS: readonly string[] = ['east', 'west'];
export const CONTROLLER_MS = 10_000;
export const GRACE_MS = 20_000;

/** Swarm testing: each seed leaves out some kinds of steps and faults, so that the others are met more often. */
export function settingsFor(random: SeededRandom): Settings {
  const isCalm = random.isHit(0.05);
  const rate = (most: number) => (!isCalm && random.isHit(0.5) ? most * random.fraction() : 0);
  const isAdopting = random.isHit(0.3);
  return {
    steps: random.integer(15, 50),
    weights: weightsFrom(random, isCalm),
    faults: {
      messageLost: rate(0.3),
      messageTwice: rate(0.3),
      messageLate: rate(0.3),
      callFails: rate(0.3),
      callHangs: rate(0.1),
      readFails: rate(0.2),
      writeRefused: rate(0.3),
      writeRolledBack: rate(0.2),
      writeUnanswered: rate(0.3),
      writeLate: rate(0.15),
      publishRefused: rate(0.3),
      publishUnanswered: rate(0.3),
      slowestMs: random.pick([2, 20, 200, 2_000]) ?? 2,
    },
    mode: random.isHit(0.8) ? 'shared' : 'alone',
    concurrency: random.integer(1, 4),
    adopts: isAdopting,
    announces: random.isHit(0.7),
    firstVersion: random.pick([1_000n, 2n ** 53n - 3n, 2n ** 63n - 3n]) ?? 1_000n,
    skewMs: random.pick([0, -3_600_000, 86_400_000]) ?? 0,
    config: configFor(random),
  };
}

function configFor(random: SeededRandom): BridgeConfig {
  const seconds = GRACE_MS / 1_000;
  return bridgeConfigSchema.parse({
    listen: ['unix:/nowhere'],
    clusters: [{ name: LOCAL, url: `unix:/${LOCAL}` }],
    wsClusterDBReconcileIntervalSeconds: 10,
    controllerIntervalSeconds: CONTROLLER_MS / 1_000,
    controllerMaxDisconnectSeconds: 30,
    streamStallSeconds: 40,
    timeouts: {
      preparingPhaseSeconds: 3 * seconds,
      buildingPhaseSeconds: 3 * seconds,
      unknownPhaseSeconds: seconds,
      pendingPhaseSeconds: seconds,
      stoppingPhaseSeconds: seconds,
    },
    graceSeconds: {
      creating: seconds,
      initializing: seconds,
      running: 0,
      interrupted: seconds / 2,
      unregistered: seconds,
    },
    stopShareMax: random.pick([0.5, 1]) ?? 1,
  });
}

/** What goes wrong; a calm run has none of it. */
const TROUBLE: ReadonlySet<Operation> = new Set([
  'forget',
  'rewind',
  'cutStreams',
  'deafenStreams',
  'listsAreStale',
  'managerRestarts',
  'managerHangs',
  'managerIsReset',
  'managerCountsAnew',
  'databaseGoes',
  'databaseOnlyReads',
  'redisGoes',
  'kill',
  'armKill',
  'pause',
  'deregisterByForce',
  'deleteRow',
  'clockSteps',
]);

function weightsFrom(random: SeededRandom, isCalm: boolean): ReadonlyMap<Operation, number> {
  const weights = new Map<Operation, number>();
  for (const operation of OPERATIONS) {
    const isTrouble = TROUBLE.has(operation);
    const weight = random.isHit(0.6) ? random.integer(1, isTrouble ? 2 : 4) : 0;
    weights.set(operation, isCalm && isTrouble ? 0 : weight);
  }
  const needed = { start: 10, advance: 25, burst: 4, pass: 4 } as const;
  for (const [operation, least] of Object.entries(needed)) {
    const known = OPERATIONS.find((one) => one === operation);
    if (known !== undefined) weights.set(known, Math.max(weights.get(known) ?? 0, least));
  }
  return weights;
}
