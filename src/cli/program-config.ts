import { join } from 'node:path';
import { z } from 'zod';
import { BRIDGE_SYNONYMS, bridgeConfigSchema } from '../bridge/config.js';
import { type ConfigSources, loadConfig } from '../config/load-config.js';
import { type Program, secretsFolder, socketPath, type User } from '../config/state-folder.js';
import { daemonConfigSchema } from '../daemon/config.js';
import type { World } from '../gateways/world.js';
import { managerConfigSchema } from '../manager/config.js';
import type { Cli } from './cli.js';
import { type Places, PROGRAMS } from './places.js';

/** Of workspaces' content and commands when root runs the system: no account of the machine, by convention. */
const WORKSPACE_UID = 33_333;
/** Name of the one cluster of an embedded system. */
const LOCAL_CLUSTER = 'local';

/** The schemas of the programs with what they default to below one state folder of this machine. */
export interface LocalSchemas {
  readonly daemon: ReturnType<typeof daemonSchema>;
  readonly manager: ReturnType<typeof managerSchema>;
  readonly bridge: ReturnType<typeof bridgeSchema>;
}

interface Machine {
  readonly user: User;
  readonly places: Places;
  readonly secrets: string;
}

export async function localSchemas(cli: Pick<Cli, 'user' | 'world'>, places: Places): Promise<LocalSchemas> {
  const hasSharedMemory =
    (await cli.world.files.stat('/dev/shm').catch(() => undefined))?.kind === 'directory';
  const secrets = secretsFolder(cli.user, places.stateFolder, hasSharedMemory);
  const machine = { user: cli.user, places, secrets };
  return { daemon: daemonSchema(machine), manager: managerSchema(machine), bridge: bridgeSchema(machine) };
}

/** `file` overlaid by STEWARD_<PROGRAM>_… of the environment; what neither says is the local default. */
export function loadProgramConfig<Schema extends z.ZodObject>(
  world: Pick<World, 'files'>,
  env: Cli['env'],
  program: Program,
  schema: Schema,
  file: string | undefined,
  /** Whether the file holds what all programs are told, each under its name. */
  isShared = false,
  /** Goes before everything else. */
  overrides: object = {},
  defaults: ConfigSources['defaults'] = undefined,
): Promise<z.output<Schema>> {
  const envPrefix = `STEWARD_${program.toUpperCase()}`;
  const section = isShared ? { section: { name: program, among: PROGRAMS } } : {};
  const synonyms = program === 'bridge' ? { synonyms: BRIDGE_SYNONYMS } : {};
  return loadConfig(world.files, schema, {
    ...synonyms,
    env,
    envPrefix,
    overrides,
    ...(defaults === undefined ? {} : { defaults }),
    ...(file === undefined ? {} : { file, ...section }),
  });
}

function listenAt({ user, places }: Machine, program: Program) {
  return [`unix:${socketPath(user, places.stateFolder, program)}`];
}

function daemonSchema(machine: Machine) {
  const folder = join(machine.places.stateFolder, 'daemon');
  const { shape } = daemonConfigSchema;
  const isRoot = machine.user.uid === 0;
  const gid = process.getgid?.() ?? machine.user.uid;
  const owner = isRoot ? { uid: WORKSPACE_UID, gid: WORKSPACE_UID } : { uid: machine.user.uid, gid };
  return daemonConfigSchema.extend({
    stateFolder: shape.stateFolder.default(folder),
    secretsFolder: shape.secretsFolder.default(join(machine.secrets, 'daemon')),
    listen: shape.listen.default(listenAt(machine, 'daemon')),
    content: shape.content.default({ ...owner, isRoot }),
    storage: shape.storage.prefault({ folder: join(folder, 'objects') }),
  });
}

function managerSchema(machine: Machine) {
  const { shape } = managerConfigSchema;
  const { stateFolder, addresses } = machine.places;
  const isRoot = machine.user.uid === 0;
  const owner = { uid: WORKSPACE_UID, gid: WORKSPACE_UID };
  return managerConfigSchema.extend({
    stateFolder: shape.stateFolder.default(join(stateFolder, 'manager')),
    secretsFolder: shape.secretsFolder.default(join(machine.secrets, 'manager')),
    contentRoot: shape.contentRoot.default(join(stateFolder, 'daemon', 'workspaces')),
    listen: shape.listen.default(listenAt(machine, 'manager')),
    daemonAddress: shape.daemonAddress.default(addresses.daemon),
    owner: isRoot ? shape.owner.unwrap().default(owner) : shape.owner,
  });
}

function bridgeSchema(machine: Machine) {
  const { shape } = bridgeConfigSchema;
  const { stateFolder, addresses } = machine.places;
  const folder = join(stateFolder, 'bridge');
  return bridgeConfigSchema.extend({
    databaseFile: shape.databaseFile.default(join(folder, 'steward.db')),
    listen: shape.listen.default(listenAt(machine, 'bridge')),
    clusters: shape.clusters.prefault([{ name: LOCAL_CLUSTER, url: addresses.manager }]),
    stateFolder: z.string().default(folder),
  });
}
