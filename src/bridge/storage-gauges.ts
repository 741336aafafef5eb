import { Gauge, type Registry } from 'prom-client';
import type { Database } from '../database/database.js';
import { waitingEvents } from './outbox.js';
import type { LeaseKeeper } from './writing/lease-keeper.js';

const MS_PER_SECOND = 1_000;

/** How the lease is, and what waits in the outbox; looked at only when somebody asks for metrics. */
export function registerStorageGauges(
  registry: Registry,
  database: Database,
  keeper: LeaseKeeper,
  now: () => number,
): void {
  const registers = [registry];
  new Gauge({
    name: 'steward_bridge_lease',
    help: '1 for what this bridge is: the one that writes to the database, or one that stands by',
    labelNames: ['state'],
    registers,
    collect() {
      const isWriter = keeper.lease !== undefined;
      this.set({ state: 'writer' }, isWriter ? 1 : 0);
      this.set({ state: 'standby' }, isWriter ? 0 : 1);
    },
  });
  new Gauge({
    name: 'steward_bridge_lease_certain',
    help: '1 while nobody else can have the lease of this bridge; 0 when it could not be renewed in time, or it stands by',
    registers,
    collect() {
      this.set(keeper.isCertain ? 1 : 0);
    },
  });
  const outbox = () => database.read(waitingEvents).catch(() => undefined);
  new Gauge({
    name: 'steward_bridge_outbox_events',
    help: 'Events in the outbox of the database: committed, and not known to be published',
    registers,
    async collect() {
      const found = await outbox();
      if (found !== undefined) this.set(found.count);
    },
  });
  new Gauge({
    name: 'steward_bridge_outbox_age_seconds',
    help: 'How long the oldest event has been in the outbox',
    registers,
    async collect() {
      const found = await outbox();
      if (found === undefined) return;
      const since = found.since === undefined ? undefined : Date.parse(found.since);
      this.set(since === undefined ? 0 : (now() - since) / MS_PER_SECOND);
    },
  });
}
