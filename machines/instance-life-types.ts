import type { GitReport, Identity, StepMetric } from './content-types.js';
import type { LifeFacts } from './workspace-phase.js';

/** Milliseconds; from the configuration. */
export interface LifeLimits {
  readonly recordMs: number;
  readonly surveyMs: number;
  readonly prepareMs: number;
  readonly initializeMs: number;
  readonly startMs: number;
  /** Until the daemon has promised a snapshot. */
  readonly snapshotMs: number;
  /** How long killed processes may take to disappear. */
  readonly killMs: number;
  /** One attempt of the final backup and removal. */
  readonly disposeMs: number;
  readonly pauseMinMs: number;
  readonly pauseMaxMs: number;
}

/** How an effect fails: with the time and a random fraction for jitter, because machines have neither. */
export interface LifeFailure {
  readonly at: number;
  /** For people; never a secret. */
  readonly message: string;
  /** Uniform in [0, 1). */
  readonly jitter: number;
}

export interface LifeContext extends LifeFacts {
  readonly identity: Identity;
  readonly limits: LifeLimits;
  /** Grows with every life of this actor; results of an older one are refused. */
  readonly generation: number;
  readonly recorded: boolean;
  /** When the newest event happened. */
  readonly at: number;
  readonly createdAt: number;
  /** Until when the present wait may last. */
  readonly deadline: number;
  /** What the present wait is for, in words. */
  readonly waitingFor: string;
  /** When what is left of the command's processes is killed; undefined until a stop or a timeout asks for the end. */
  readonly killAt: number | undefined;
  /** When its end began; undefined before. */
  readonly stoppingAt: number | undefined;
  /** Failed attempts to end it, in a row. */
  readonly pauses: number;
  /** When the next attempt is due. */
  readonly retryAt: number;
  /** What is in the way at the moment, for people. */
  readonly message: string;
  /** What each step of the content's set-up took; empty where nothing is known. */
  readonly setUp: readonly StepMetric[];
  /** Where what a prebuild made is found; '' if nowhere. It is promised by then, and stored before the content goes. */
  readonly snapshot: string;
  /** Of the main working copy when the content was wrapped up. */
  readonly gitStatus: GitReport | undefined;
}

/** What is on disk about one life. What a restart finds out by looking is not in it. */
export type LifeRecord = Omit<
  LifeContext,
  'limits' | 'recorded' | 'deadline' | 'waitingFor' | 'pauses' | 'retryAt'
>;

/** What the world looks like to a manager that has just come back. */
export interface LifeSurvey {
  readonly at: number;
  /** `unknown` when the daemon does not answer: no reason to end anything. */
  readonly content: 'present' | 'absent' | 'unknown';
  readonly credentials: 'available' | 'lost';
}
