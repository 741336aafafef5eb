import type { InstanceId } from '../../../../machines/ids.js';
import { isInstanceId } from '../../../../machines/ids.js';
import type { CallContext } from '../../../grpc/service-types.js';
import type { StewardContentOptions } from './options.js';

export interface StoredChange {
  /** Whose content it is; the history of that instance tells it. */
  readonly instance: string;
  readonly to: string;
  readonly cause: string;
  readonly detail: string;
}

/** Tells what a person did to stored content: in the history, and in the log in case there is no such instance. */
export function tellStoredChange(
  { core, place }: StewardContentOptions,
  call: CallContext,
  { instance, to, cause, detail }: StoredChange,
): void {
  const said = `${detail} (by ${call.peer})`;
  call.logger.info({ instance, cause, to }, said);
  if (!isInstanceId(instance)) return;
  const own: InstanceId = instance;
  core.publisher.publish(
    { at: place.world.clock.now(), instance: own, actor: ACTOR, from: 'stored', to, cause, detail: said },
    { durable: true },
  );
}

const ACTOR = 'stored-content';

/** A reason for the history, in words that follow what was done. */
export function because(reason: string): string {
  return reason === '' ? '' : `: ${reason}`;
}
