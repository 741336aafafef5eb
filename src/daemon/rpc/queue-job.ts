import type { ContentEvent } from '../../../machines/content-setup.js';
import { StewardError } from '../../errors/steward-error.js';
import type { Instance } from '../instance/instance.js';

/** Hands a job to the actor and returns its ticket; throws `overloaded` when too many wait already. */
export function queueJob(instance: Instance, eventFor: (ticket: number) => ContentEvent): number {
  const { jobs, limits, ticket: last } = instance.view.context;
  if (jobs.length >= limits.jobsMax) {
    throw new StewardError(
      'overloaded',
      `${limits.jobsMax} backups and snapshots of this instance wait already`,
    );
  }
  const ticket = last + 1;
  instance.send(eventFor(ticket));
  return ticket;
}
