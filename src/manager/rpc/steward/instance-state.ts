import type { LifeRecord } from '../../../../machines/instance-life-types.js';
import type { CommandFact } from '../../../../machines/workspace-phase.js';
import { phaseOf } from '../../../../machines/workspace-phase.js';
import {
  type InstanceCommand,
  InstanceCommandState,
  type InstanceState,
  type InstanceTimeout,
} from '../../../gen/steward/v1/instance.js';
import type { Instance } from '../../instance/instance.js';
import { PHASES, TYPES } from '../../status.js';
import type { Latest } from '../../transitions.js';

/** What is known of an instance beside itself. */
export interface Around {
  /** Where its actor is; undefined for one that has not moved since the manager began. */
  readonly latest: Latest | undefined;
  readonly sequence: number;
  /** Why its supervisor has given up; '' when it has not. */
  readonly parked: string;
  readonly isMaintenance: boolean;
}

/** The life of an instance; undefined while its first record is being written. */
export function instanceStateOf(instance: Instance, around: Around): InstanceState | undefined {
  const { record } = instance;
  if (record === undefined) return undefined;
  const { life, activity } = record;
  const { identity } = life;
  return {
    ...{ instanceId: identity.instance, owner: identity.owner, workspaceId: identity.workspace },
    ...{ type: TYPES[life.kind], phase: PHASES[phaseOf(life)] },
    ...stepOf(life, around),
    detail: life.message || life.failure,
    createdMs: BigInt(life.createdAt),
    generation: BigInt(life.generation),
    timeouts: timeoutsOf(instance, around.isMaintenance),
    failed: life.failure,
    timedOut: life.timedOut,
    stop: life.stop && {
      aborted: life.stop.aborted,
      killMs: life.killAt === undefined ? undefined : BigInt(Math.round(life.killAt)),
    },
    command: commandOf(life.command),
    disposal: life.disposal === 'none' ? '' : life.disposal,
    lastActivityMs: activity.last === undefined ? undefined : BigInt(activity.last),
    closed: activity.closed,
    parked: around.parked,
    sequence: BigInt(around.sequence),
  };
}

/** From the actor; once its end is on disk there is nothing but that, whatever its actor still does. */
function stepOf(life: LifeRecord, { latest }: Around) {
  if (latest === undefined || life.disposal !== 'none') {
    const step = life.disposal === 'none' ? 'starting' : 'stopped';
    const cause = latest?.step === step ? latest.cause : '';
    return { step, cause, stepSinceMs: BigInt(Math.round(life.at)), waitingFor: '', attempts: 0 };
  }
  const { step, cause, atMs, context } = latest;
  const isPausing = step === 'stopping.pausing';
  const isWaiting = !isPausing && WAITS.test(step) && context.waitingFor !== '';
  return {
    ...{ step, cause, stepSinceMs: BigInt(Math.round(atMs)), attempts: context.pauses },
    waitingFor: isWaiting || isPausing ? context.waitingFor : '',
    ...(isWaiting ? { deadlineMs: BigInt(Math.round(context.deadline)) } : {}),
    ...(isPausing ? { nextAttemptMs: BigInt(Math.round(context.retryAt)) } : {}),
  };
}

/** Running and final steps wait for nothing; what the context says there is of an earlier wait. */
const WAITS = /^(pending|recovering|creating|initializing|stopping)/;

function timeoutsOf(instance: Instance, suspended: boolean): InstanceTimeout[] {
  return instance.timeouts().map(({ activity, at, limitMs, isMovable }) => ({
    kind: activity,
    atMs: BigInt(Math.round(at)),
    limitMs: BigInt(Math.round(limitMs)),
    suspended,
    movable: isMovable,
  }));
}

function commandOf(command: CommandFact): InstanceCommand {
  switch (command.state) {
    case 'none':
      return { state: InstanceCommandState.INSTANCE_COMMAND_STATE_NONE, lost: '' };
    case 'running':
      return { state: InstanceCommandState.INSTANCE_COMMAND_STATE_RUNNING, lost: '' };
    case 'ended': {
      const { end } = command;
      const state = InstanceCommandState.INSTANCE_COMMAND_STATE_ENDED;
      return end.kind === 'exited' ? { state, exitCode: end.code, lost: '' } : { state, lost: end.reason };
    }
  }
}
