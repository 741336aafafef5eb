import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { ConfigSources } from '../config/load-config.js';
import type { Program } from '../config/state-folder.js';
import { RealHttp } from '../gateways/real/http.js';
import type { World } from '../gateways/world.js';
import { createRegistry } from '../telemetry/metrics-registry.js';
import { openTracing } from '../telemetry/tracing/open-tracing.js';
import type { Tracer } from '../telemetry/tracing/tracer.js';
import { type LocalSchemas, loadProgramConfig } from './program-config.js';
import { packageVersion } from './version.js';

/** A program of ours that runs in this process. */
export interface RunningProgram {
  /** Where it serves gRPC. */
  readonly addresses: readonly string[];
  /** Resolves when it works; never rejects. */
  readonly ready: Promise<void>;
  stop(): Promise<void>;
}

export interface ProgramParts {
  readonly world: World;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly schemas: LocalSchemas;
  readonly loggerOf: (program: Program) => Logger;
  /** Configuration file. */
  readonly file?: string;
  /** It holds what all programs are told, each under its name. */
  readonly isShared?: boolean;
  /** Whether no other program of ours runs in this process. */
  readonly isAlone: boolean;
  /** What the command line says of the bridge's configuration. */
  readonly bridge?: { readonly database?: string; readonly redis?: string };
}

/** Starts a program; its code is loaded only now, because most runs of the command need none of it. */
export async function startProgram(name: Program, parts: ProgramParts): Promise<RunningProgram> {
  const { world, env } = parts;
  const [logger, version] = [parts.loggerOf(name), packageVersion()];
  const tracing = await openTracing({ env, program: name, version, clock: world.clock, logger });
  const options = { world, logger, registry: createRegistry(name), version, tracer: tracing?.tracer };
  const close = () => tracing?.close();
  try {
    const program = await start(name, parts, options);
    if (tracing === undefined) return program;
    return {
      addresses: program.addresses,
      ready: program.ready,
      stop: () => program.stop().finally(close),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface ProgramOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly version: string;
  readonly tracer: Tracer | undefined;
}

async function start(name: Program, parts: ProgramParts, options: ProgramOptions): Promise<RunningProgram> {
  const { schemas } = parts;
  switch (name) {
    case 'daemon': {
      const config = await configOf(name, schemas.daemon, parts);
      const { startDaemon } = await import('../daemon/daemon.js');
      const daemon = await startDaemon(config, { ...options, http: new RealHttp() });
      return { addresses: daemon.addresses, ready: Promise.resolve(), stop: () => daemon.stop() };
    }
    case 'manager': {
      const config = await configOf(name, schemas.manager, parts);
      const { startManager } = await import('../manager/start-manager.js');
      return startManager(config, options);
    }
    case 'bridge': {
      const { defaultsFromEnvironment } = await import('../bridge/environment.js');
      const defaults = defaultsFromEnvironment(parts.env, parts);
      const config = await configOf(name, schemas.bridge, parts, parts.bridge, defaults);
      const { startBridge } = await import('../bridge/start-bridge.js');
      return startBridge(config, { ...options, env: parts.env });
    }
  }
}

function configOf<Schema extends LocalSchemas[Program]>(
  name: Program,
  schema: Schema,
  { world, env, file, isShared }: ProgramParts,
  overrides?: object,
  defaults?: ConfigSources['defaults'],
) {
  return loadProgramConfig(world, env, name, schema, file, isShared, overrides, defaults);
}
