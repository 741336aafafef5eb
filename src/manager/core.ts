import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { makeDurableDirectory } from '../gateways/durable.js';
import type { World } from '../gateways/world.js';
import type { RecordAlarm } from '../records/alarm.js';
import { RecordStore } from '../records/record-store.js';
import type { RecordSchema } from '../records/schema.js';
import type { WorkspaceRuntime } from '../runtime/workspace-runtime.js';
import type { ChildContext, SupervisorSpec } from '../supervision/spec.js';
import { startSupervisor } from '../supervision/start.js';
import type { Supervisor } from '../supervision/supervisor.js';
import { FORGET_PERIOD_MS, INSTANCES_MAX, PARKED_RETRY_MS } from './bounds.js';
import type { ManagerConfig } from './config.js';
import type { ContentDaemon } from './content-daemon.js';
import type { Instance, InstanceOptions, Moved } from './instance/instance.js';
import { instanceRecordSchema, ownerTokenSchema } from './instance/instance-record.js';
import { SecretRequests } from './instance/secrets.js';
import { Instances } from './instances.js';
import { Maintenance } from './maintenance.js';
import { ManagerMetrics } from './metrics.js';
import { newOwnerToken } from './owner-token.js';
import { periodic } from './periodic.js';
import type { LiveKeys } from './runtime-keys.js';
import type { PortForwarding } from './runtime-ports.js';
import { statusOf } from './status.js';
import { StatusFeed } from './status-feed.js';
import { Transitions } from './transitions.js';
import { Versions } from './versions.js';

export interface CoreOptions {
  readonly config: ManagerConfig;
  readonly world: World;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly daemon: ContentDaemon;
  readonly runtime: WorkspaceRuntime;
  readonly ports: PortForwarding;
  readonly keys?: Pick<LiveKeys, 'apply'>;
}

/** The manager without its wire: all instances, their actors and what is told about them. */
export interface ManagerCore {
  readonly instances: Instances;
  readonly feed: StatusFeed;
  readonly maintenance: Maintenance;
  readonly transitions: Transitions;
  readonly supervisor: Supervisor;
  /** Lets go of everything; what runs in the workspaces goes on. */
  stop(): Promise<void>;
}

/** Opens the records, takes up every instance, and lets those that have not stopped go on. */
export async function startCore(options: CoreOptions): Promise<ManagerCore> {
  const { config, world, logger } = options;
  const folder = (name: string) => join(config.stateFolder, name);
  // Workspaces run in folders below this one and have to get through it.
  await makeDurableDirectory(world.files, config.stateFolder, 0o711);
  const onAlarm = (alarm: RecordAlarm) => logger.error({ alarm }, 'a record was set aside');
  const open = <Body>(name: string, schema: RecordSchema<Body>) =>
    RecordStore.open(world, { folder: folder(name), setAside: folder('set-aside'), schema, onAlarm });
  const records = await open('records', instanceRecordSchema);
  const tokens = await open('tokens', ownerTokenSchema);
  const secrets = new SecretRequests(world, config.secretsFolder);
  await secrets.open();

  const transitions = await Transitions.open({ world, folder: folder('history'), onAlarm });
  const maintenance = new Maintenance(world, config.maintenanceFile ?? folder('maintenance.json'));
  const metrics: ManagerMetrics = new ManagerMetrics(options.registry, {
    records: () => recordsOf(instances),
    maintenance,
  });
  const feed: StatusFeed = new StatusFeed({
    ids: () => instances.ids(),
    status: (id) => status(options, instances.find(id)),
    onTold: (id) => instances.told(id),
  });
  const instances: Instances = new Instances({
    clock: world.clock,
    stoppedQuietMs: config.stoppedQuiet,
    instance: instanceOptions(options, { secrets, maintenance, metrics, feed, transitions }),
    records,
    tokens,
    newToken: () => newOwnerToken(world.random),
    onTokenLost: (identity, error) => {
      const became =
        error === undefined ? 'it got a new one' : 'no new one can be kept: private ports stay shut';
      logger.error({ err: error, ...identity }, `the owner's token of an instance was lost: ${became}`);
    },
    ports: options.ports,
    isAwaited: (id) => feed.isAwaited(id),
    onForgotten: (id) => transitions.forget(id),
  });
  await instances.load();
  const versions = await Versions.open(world.files, folder('versions'), instances.highestVersion);
  instances.numberWith(versions);
  await secrets.sweep(instances.needingSecrets());
  const supervisor = await startSupervisor('manager', tree(options, instances), {
    clock: world.clock,
    random: world.random,
    onEvent: (event) => logger.debug({ event }, 'supervision'),
  });
  await instances.supervise(() => supervisor.find('instances'));
  return {
    instances,
    feed,
    maintenance,
    transitions,
    supervisor,
    stop: async () => {
      await supervisor.stop();
      await records.flush();
      await transitions.close();
      await versions.close();
    },
  };
}

function tree({ world, logger }: CoreOptions, instances: Instances): SupervisorSpec {
  const upkeep = (name: string, periodMs: number, work: () => Promise<void>) => ({
    kind: 'worker' as const,
    name,
    restart: 'permanent' as const,
    start: ({ signal }: ChildContext) => ({
      exit: periodic(world.clock, periodMs, signal, () =>
        work().catch((error) => logger.warn({ err: error, name }, 'upkeep failed')),
      ),
    }),
  });
  return {
    strategy: 'one-for-one',
    children: [
      {
        kind: 'supervisor',
        name: 'instances',
        restart: 'permanent',
        supervisor: {
          strategy: 'dynamic',
          childKind: 'supervisor',
          maxChildren: INSTANCES_MAX,
          onExhausted: 'park-child',
        },
      },
      upkeep('forgetting', FORGET_PERIOD_MS, () => instances.forget()),
      upkeep('retrying', PARKED_RETRY_MS, () => instances.retryParked()),
    ],
  };
}

interface Shared {
  readonly secrets: SecretRequests;
  readonly maintenance: Maintenance;
  readonly metrics: ManagerMetrics;
  readonly feed: StatusFeed;
  readonly transitions: Transitions;
}

function instanceOptions(
  { config, world, logger, daemon, runtime, ports, keys }: CoreOptions,
  { secrets, maintenance, metrics, feed, transitions }: Shared,
): Omit<InstanceOptions, 'store' | 'nextVersion'> {
  const { contentRoot, defaultCommand, limits, timeouts, heartbeatInterval } = config;
  return {
    tools: { world, daemon, runtime, secrets, maintenance, contentRoot, defaultCommand },
    limits,
    timeouts: {
      limits: timeouts,
      maintenance,
      startedAt: world.clock.now(),
      heartbeatMs: heartbeatInterval,
    },
    onRecorded: (instance, isNews) => {
      ports.apply(instance);
      keys?.apply(instance);
      if (isNews) feed.changed(instance.parts.identity.instance);
    },
    onMoved: (instance, moved) => {
      tell(logger, metrics, instance, moved);
      transitions.moved(instance, moved);
    },
    onSecretsLeft: ({ parts }, error) => {
      metrics.secretsLeft();
      logger.error({ err: error, ...parts.identity }, 'secrets of a start could not be removed');
    },
  };
}

function tell(logger: Logger, metrics: ManagerMetrics, instance: Instance, moved: Moved): void {
  const { from, to, context } = moved;
  const detail = context.message || context.failure || context.timedOut;
  logger.info(
    { ...instance.parts.identity, from, to, ...(detail === '' ? {} : { detail }) },
    'instance moved',
  );
  metrics.moved(instance, moved);
}

function status({ config, ports }: CoreOptions, instance: Instance | undefined) {
  return instance?.record === undefined
    ? undefined
    : statusOf(config, ports, instance.record, instance.parts);
}

function* recordsOf(instances: Instances) {
  for (const id of instances.ids()) {
    const record = instances.find(id)?.record;
    if (record !== undefined) yield record;
  }
}
