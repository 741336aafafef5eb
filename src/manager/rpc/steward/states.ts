import type { InstanceId } from '../../../../machines/ids.js';
import type { InstanceState } from '../../../gen/steward/v1/instance.js';
import type { Supervisor } from '../../../supervision/supervisor.js';
import type { Instances } from '../../instances.js';
import type { Maintenance } from '../../maintenance.js';
import type { Transitions } from '../../transitions.js';
import { instanceStateOf } from './instance-state.js';

/** What the manager knows of single instances: record, actor and supervisor together. */
export interface StateSource {
  readonly instances: Instances;
  readonly transitions: Transitions;
  readonly maintenance: Maintenance;
  readonly supervisor: Pick<Supervisor, 'find'>;
}

/** undefined for one that is unknown, forgotten, or only just asked for. */
export async function stateOf(source: StateSource, id: InstanceId): Promise<InstanceState | undefined> {
  const instance = source.instances.find(id);
  if (instance === undefined) return undefined;
  return instanceStateOf(instance, {
    latest: source.transitions.latest(instance),
    sequence: source.transitions.sequence(id),
    parked: supervisorOf(source, id)?.tree().parked?.reason ?? '',
    isMaintenance: (await source.maintenance.until()) !== undefined,
  });
}

/** That of one instance; undefined once it has stopped. */
export function supervisorOf({ supervisor }: StateSource, id: InstanceId): Supervisor | undefined {
  return supervisor.find(`instances/${id}`);
}
