import type { Failure } from '../../../machines/content-types.js';
import { DEADLINE_JITTER, type Happening, type Running, type Situation, type Spec } from './spec.js';

const LATER_MS = 1_000;
const PAST_DEADLINE_MS = 7;

/** Everything that can happen in a situation: every event, known or not, and every end of what runs. */
export function happeningsIn<Context>(spec: Spec<Context>, situation: Situation<Context>): Happening[] {
  return [...eventsIn(spec, situation.context), ...endsIn(spec, situation)];
}

/**
 * Results of effects that belong to other states, which nobody waits for. Late rejections are not among them:
 * XState drops what a stopped effect rejects with, and takes an unexpected one as the machine's own failure.
 */
export function lateEnds<Context>(spec: Spec<Context>, situation: Situation<Context>): Happening[] {
  return Object.keys(spec.states)
    .filter((state) => state !== situation.state)
    .flatMap((state) => endsIn(spec, { ...situation, state }))
    .filter(({ name }) => !name.endsWith('.failed'))
    .map((end) => ({ ...end, name: 'late' }));
}

/** The end of the wait by its deadline alone; undefined where nothing waits. */
export function deadlineIn<Context>(
  spec: Spec<Context>,
  situation: Situation<Context>,
): Happening | undefined {
  return endsIn(spec, situation).find((end) => end.name === 'deadline.done');
}

function eventsIn<Context>(spec: Spec<Context>, context: Context): Happening[] {
  const at = spec.timing(context).at + LATER_MS;
  const known = Object.entries(spec.events).map(([name, make]) => ({ name, event: make(at, context) }));
  const all = [...known, { name: 'unknown', event: { type: 'NOBODY_KNOWS_THIS', at } }];
  return all.map((one) => ({ ...one, at, failure: failureAt(at, true) }));
}

function endsIn<Context>(spec: Spec<Context>, { state, context }: Situation<Context>): Happening[] {
  const runs = spec.states[state]?.runs?.(context) ?? [];
  return runs.flatMap((running, index) => {
    const id = `${index}.${spec.machine.id}.${state}`;
    return [...doneEnds(spec, running, id, context), ...failedEnds(spec, running.effect, id, context)];
  });
}

function doneEnds<Context>(spec: Spec<Context>, running: Running, id: string, context: Context): Happening[] {
  const { effect, input } = running;
  const { at: before, deadline } = spec.timing(context);
  const at = effect === 'deadline' ? Math.max(before, deadline) + PAST_DEADLINE_MS : before + LATER_MS;
  const answers =
    effect === 'deadline'
      ? [{ output: (time: number) => ({ at: time, jitter: DEADLINE_JITTER }) }]
      : spec.answers[effect];
  if (answers === undefined) throw new Error(`no answers are known of the effect "${effect}"`);
  return answers.map((answer) => ({
    name: 'label' in answer ? `${effect}.done ${answer.label}` : `${effect}.done`,
    at,
    event: event(`xstate.done.actor.${id}`, { output: answer.output(at, context, input), actorId: id }),
    failure: failureAt(at, true),
  }));
}

/** A cause worth another try, one that is not, and a defect. */
function failedEnds<Context>(spec: Spec<Context>, effect: string, id: string, context: Context): Happening[] {
  const { at: before } = spec.timing(context);
  const at = before + LATER_MS;
  const defect: Failure = { at: before, code: 'internal', message: 'broken', retryable: false, jitter: 0 };
  const thrown = [
    { error: failureAt(at, true), failure: failureAt(at, true) },
    { error: failureAt(at, false), failure: failureAt(at, false) },
    { error: new Error('broken'), failure: defect },
    { error: 'broken', failure: defect },
  ];
  return thrown.map(({ error, failure }) => ({
    name: `${effect}.failed`,
    at: failure.at,
    event: event(`xstate.error.actor.${id}`, { error, actorId: id }),
    failure,
  }));
}

export function failureAt(at: number, retryable: boolean): Failure {
  const code = retryable ? 'storage-unavailable' : 'permission-denied';
  return { at, code, message: `${code} for a test`, retryable, jitter: 0.5 };
}

function event<Data extends object>(type: string, data: Data): { type: string } & Data {
  return { type, ...data };
}
