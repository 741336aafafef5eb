import type { ContentLimits } from '../../machines/content-types.js';
import { type BackupPolicy, DEFAULT_BACKUP_POLICY } from '../../src/content/backup-policy.js';
import { daemonConfigSchema } from '../../src/daemon/config.js';
import type { FileErrorCode } from '../../src/gateways/file-error.js';
import type { SeededRandom } from '../../src/gateways/simulated/random.js';

/** What a step of a scenario can be. */
export const OPERATIONS = [
  'init',
  'initAgain',
  'waitForInit',
  'exists',
  'edit',
  'backup',
  'snapshot',
  'promisedSnapshot',
  'dispose',
  'discard',
  'leave',
  'pass',
  'passLong',
  'kill',
  'cutPower',
  'armKill',
  'armPowerCut',
  'restart',
  'fillDisk',
  'freeDisk',
  'storageGoes',
  'storageComes',
  'storageLies',
  'storageTellsTruth',
  'clockStepsBack',
  'passDays',
  'keepHouse',
] as const;

export type Operation = (typeof OPERATIONS)[number];

/** Chances per file operation, and per process started. */
export interface FaultRates {
  readonly fileError: number;
  readonly fileErrorAfterwards: number;
  readonly fileSlow: number;
  readonly fileHangs: number;
  readonly processFails: number;
  readonly processDies: number;
  readonly processHangs: number;
  readonly processGarbage: number;
  readonly processSlow: number;
  readonly codes: readonly FileErrorCode[];
}

export type Limits = ContentLimits;

/** What one seed switches on, and how much of it. */
export interface Settings {
  readonly steps: number;
  readonly workspaces: number;
  readonly weights: ReadonlyMap<Operation, number>;
  readonly faults: FaultRates;
  readonly limits: Limits;
  readonly policy: BackupPolicy;
  /** Nothing goes wrong in this run, so every answer is that of the table. */
  readonly isCalm: boolean;
}

export const NO_FAULTS: FaultRates = {
  fileError: 0,
  fileErrorAfterwards: 0,
  fileSlow: 0,
  fileHangs: 0,
  processFails: 0,
  processDies: 0,
  processHangs: 0,
  processGarbage: 0,
  processSlow: 0,
  codes: ['EIO'],
};

/** Crashes and faults; a calm run has none of them. */
const TROUBLE: ReadonlySet<Operation> = new Set([
  'kill',
  'cutPower',
  'armKill',
  'armPowerCut',
  'fillDisk',
  'storageGoes',
  'storageLies',
  'clockStepsBack',
]);

/** `backupPeriodMs`: how often content in use is saved by itself; 0 for never. */
export function limitsOf(attempts: number, backupPeriodMs: number): Limits {
  const minute = 60_000;
  return {
    ...daemonConfigSchema.shape.limits.parse({}),
    reserveMs: minute,
    initializeMs: 10 * minute,
    sealMs: minute,
    quiesceMs: minute,
    backupMs: 10 * minute,
    verifyMs: 5 * minute,
    removeMs: 2 * minute,
    backupAttemptsMax: attempts,
    pauseMaxMs: 2 * minute,
    jobsMax: 4,
    backupPeriodMs,
  };
}

/**
 * Swarm testing: each seed leaves out some kinds of steps and faults entirely, so that the others are met more
 * often and in combinations that a mix of everything would never show.
 */
export function settingsFor(random: SeededRandom): Settings {
  const isCalm = random.isHit(0.1);
  const weights = weightsFrom(random, isCalm);
  const rate = (most: number) => (!isCalm && random.isHit(0.4) ? most * random.fraction() : 0);
  const slow = {
    fileSlow: random.isHit(0.6) ? random.fraction() / 2 : 0,
    processSlow: random.fraction() * 0.3,
  };
  return {
    steps: random.integer(10, 50),
    workspaces: random.integer(1, 3),
    weights,
    faults: {
      ...slow,
      fileError: rate(0.03),
      fileErrorAfterwards: rate(0.03),
      fileHangs: rate(0.003),
      processFails: rate(0.1),
      processDies: rate(0.2),
      processHangs: rate(0.1),
      processGarbage: rate(0.1),
      codes: random.pick([['EIO'], ['ENOSPC'], ['EIO', 'ENOSPC', 'EROFS', 'EACCES']] as const) ?? ['EIO'],
    },
    limits: limitsOf(random.integer(1, 3), random.pick([0, 0, 60_000, 5 * 60_000]) ?? 0),
    policy: policyFor(random),
    isCalm,
  };
}

/** Short chains and little that is kept, so that seeds come to the ends of both. */
function policyFor(random: SeededRandom): BackupPolicy {
  return {
    ...DEFAULT_BACKUP_POLICY,
    fullAfterIncrements: random.integer(0, 4),
    fullWhenIncrementsExceedShare: random.pick([0.3, 1, 100]) ?? 1,
    keepCount: random.integer(1, 4),
    keepAgeMs: random.pick([0, 60_000, 86_400_000]) ?? 0,
  };
}

function weightsFrom(random: SeededRandom, isCalm: boolean): ReadonlyMap<Operation, number> {
  const weights = new Map<Operation, number>();
  for (const operation of OPERATIONS) {
    const isTrouble = TROUBLE.has(operation);
    const weight = random.isHit(0.65) ? random.integer(1, isTrouble ? 1 : 5) : 0;
    weights.set(operation, isCalm && isTrouble ? 0 : weight);
  }
  for (const needed of ['init', 'pass'] as const) weights.set(needed, Math.max(weights.get(needed) ?? 0, 2));
  weights.set('freeDisk', 2 * (weights.get('fillDisk') ?? 0));
  weights.set('storageComes', 2 * (weights.get('storageGoes') ?? 0));
  weights.set('storageTellsTruth', 2 * (weights.get('storageLies') ?? 0));
  return weights;
}
