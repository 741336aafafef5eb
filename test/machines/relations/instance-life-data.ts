import type { LifeContext } from '../../../machines/instance-life-types.js';
import type { CommandEnd } from '../../../machines/workspace-phase.js';
import type { Happening, StateRule } from '../harness/spec.js';
import { identity } from './content-data.js';

export type Context = LifeContext;
export type Rule = StateRule<Context>;

export const limits = {
  recordMs: 5_000,
  surveyMs: 6_000,
  prepareMs: 70_000,
  initializeMs: 80_000,
  startMs: 9_000,
  snapshotMs: 11_000,
  killMs: 10_000,
  disposeMs: 90_000,
  pauseMinMs: 20_000,
  pauseMaxMs: 40_000,
};

/** The longest pause after one failure and after more; up to half of it is taken off at random. */
export const PAUSES = [20_000, 40_000];

export const fresh: Context = {
  identity: identity(),
  kind: 'regular',
  limits,
  generation: 1,
  recorded: false,
  at: 1_000,
  createdAt: 1_000,
  deadline: 1_000,
  waitingFor: '',
  begun: false,
  deployed: false,
  content: 'none',
  setUp: [],
  command: { state: 'none' },
  stop: undefined,
  timedOut: '',
  failure: '',
  disposal: 'none',
  killAt: undefined,
  stoppingAt: undefined,
  pauses: 0,
  retryAt: 1_000,
  message: '',
  snapshot: '',
  gitStatus: undefined,
};

export const METRICS = [{ type: 'git', durationMs: 70, sizeBytes: 4_096 }];

export const GIT = {
  branch: 'main',
  latestCommit: 'abc',
  uncommittedFiles: [],
  untrackedFiles: [],
  unpushedCommits: [],
  totalUncommittedFiles: 0,
  totalUntrackedFiles: 0,
  totalUnpushedCommits: 0,
};

export const isOver = (c: Context) =>
  c.stop !== undefined ||
  c.timedOut !== '' ||
  c.failure !== '' ||
  c.content === 'failed' ||
  c.command.state === 'ended';
export const isSaved = (c: Context) =>
  c.content === 'ready' && c.kind !== 'imagebuild' && !(c.stop?.aborted ?? false);

/** Others start from what a prebuild made, unless it failed or is given up. */
export const isForOthers = (c: Context) =>
  c.kind === 'prebuild' && isSaved(c) && c.failure === '' && c.snapshot === '';

/** The first reason stays. */
export const failing = (c: Context, reason: string, at: number): Partial<Context> => ({
  at,
  failure: c.failure || reason,
});

export const told = (what: string, { failure }: Happening) => `${what}: ${failure.message}`;
export const overdue = (what: string, c: Context) => `${what}: ${c.waitingFor} took longer than allowed`;

/** As asked for by the events below: the request, and when it counts from. */
export const GRACES = { normally: 30_000, immediately: 1_000, abort: 1_000, timeout: 30_000 } as const;

export function askedToStop(
  c: Context,
  how: 'normally' | 'immediately' | 'abort',
  at: number,
): Partial<Context> {
  const graceMs = Math.min(GRACES[how], c.stop?.graceMs ?? GRACES[how]);
  const aborted = how === 'abort' || (c.stop?.aborted ?? false);
  return { at, stop: { graceMs, aborted }, killAt: Math.min(at + GRACES[how], c.killAt ?? Infinity) };
}

export function timedOut(c: Context, at: number): Partial<Context> {
  const killAt = Math.min(at + GRACES.timeout, c.killAt ?? Infinity);
  return { at, timedOut: c.timedOut || 'took too long', killAt };
}

/** The end of the command, which is a failure when nobody asked for it. */
export function commandEnded(c: Context, end: CommandEnd | undefined, at: number): Partial<Context> {
  if (end === undefined || c.command.state === 'ended') return { at };
  const isAsked = c.stop !== undefined || c.timedOut !== '';
  const isHeadless = c.kind !== 'regular';
  const ended = { command: { state: 'ended', end } } as const;
  if (isAsked) return { ...ended, at };
  if (end.kind === 'lost') {
    const reason = `the workspace's command is gone without an exit code: ${end.reason}`;
    return { ...ended, ...failing(c, reason, at) };
  }
  if (isHeadless && end.code <= 128) return { ...ended, at };
  const how = end.code > 128 ? `signal ${end.code - 128} (exit code ${end.code})` : `exit code ${end.code}`;
  const reason =
    end.code === 0
      ? "the workspace's command ended although nobody asked for it"
      : `the workspace's command ended with ${how}`;
  return { ...ended, ...failing(c, reason, at) };
}

export const ENDS: Readonly<Record<string, CommandEnd>> = {
  'exit 0': { kind: 'exited', code: 0 },
  'exit 3': { kind: 'exited', code: 3 },
  'signal 9': { kind: 'exited', code: 137 },
  lost: { kind: 'lost', reason: 'a power cut' },
};

export function kept(c: Context): string {
  return isSaved(c)
    ? 'the final backup failed; the content is kept on its node and saving it goes on'
    : 'the content is not removed yet';
}
