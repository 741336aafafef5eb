import type { Transition } from '../../machines/transition.js';
import type { Transition as WireTransition } from '../gen/steward/v1/transition.js';

export function wireTransition(transition: Transition, node: string): WireTransition {
  return {
    sequence: BigInt(transition.sequence),
    atMs: BigInt(transition.at),
    instanceId: transition.instance,
    actor: transition.actor,
    from: transition.from,
    to: transition.to,
    cause: transition.cause,
    detail: transition.detail ?? '',
    node,
  };
}
