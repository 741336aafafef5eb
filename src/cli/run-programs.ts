import type { Program } from '../config/state-folder.js';
import { StewardError } from '../errors/steward-error.js';
import { sleep } from '../gateways/clock.js';
import type { PlainChildSpec, SupervisorSpec } from '../supervision/spec.js';
import { startSupervisor } from '../supervision/start.js';
import type { Supervisor } from '../supervision/supervisor.js';
import { DRAIN_MS, PROGRAM_RESTART_PERIOD_MS, PROGRAM_RESTARTS_MAX, PROGRAM_START_MS } from './bounds.js';
import { EXIT, type ExitCode } from './exit-code.js';
import { type LogOptions, programLoggers } from './log.js';
import { localSchemas } from './program-config.js';
import { type ProgramParts, type RunningProgram, startProgram } from './running-program.js';
import type { Session } from './session.js';

export interface RunOptions extends LogOptions {
  /** Configuration file: of the one program, or of all that run, each under its name. */
  readonly config?: string;
  /** URLs for the bridge. */
  readonly database?: string;
  readonly redis?: string;
}

/**
 * Runs programs in this process, in this order, under one root supervisor, until a signal comes: then they are
 * drained in reverse order. `onReady` is called once, when all of them work.
 */
export async function runPrograms(
  session: Session,
  names: readonly Program[],
  options: RunOptions,
  onReady: () => void,
): Promise<ExitCode | undefined> {
  const { cli, places } = session;
  const { world, env, interrupted } = cli;
  const loggerOf = programLoggers(cli, options);
  const logger = loggerOf('steward');
  const schemas = await localSchemas(cli, places);
  const parts = {
    world,
    env,
    schemas,
    loggerOf,
    ...(options.config === undefined ? {} : { file: options.config, isShared: names.length > 1 }),
    isAlone: names.length === 1,
    bridge: bridgeOverrides(options),
  };
  const readiness = new Map<Program, Promise<void>>();
  const spec = rootSpec(names.map((name) => programChild(name, parts, readiness)));
  const { clock, random } = world;
  const onEvent = (event: object) => logger.debug({ event }, 'supervision');
  const root = await startSupervisor('steward', spec, { clock, random, onEvent }, interrupted).catch(
    (err) => {
      if (!interrupted.aborted) logger.error({ err }, 'the system could not start');
      throw err;
    },
  );
  const ended = root.exit.then(() => 'ended' as const);
  const stop = aborted(interrupted);
  const ready = Promise.all(readiness.values()).then(() => 'ready' as const);
  const first = await Promise.race([ready, stop, ended]);
  if (first === 'ready') onReady();
  const last = first === 'ready' ? await Promise.race([stop, ended]) : first;
  if (last === 'ended' && !interrupted.aborted) {
    throw new StewardError('internal', 'the programs failed too often and were stopped; the log says why');
  }
  return drain(session, root);
}

/** They may hold passwords, which `ps` would show for as long as this runs. */
function bridgeOverrides({ database, redis }: RunOptions) {
  if (database !== undefined || redis !== undefined) process.title = 'steward';
  return { ...(database === undefined ? {} : { database }), ...(redis === undefined ? {} : { redis }) };
}

function rootSpec(children: readonly PlainChildSpec[]): SupervisorSpec {
  const intensity = { restarts: PROGRAM_RESTARTS_MAX, periodMs: PROGRAM_RESTART_PERIOD_MS };
  return { strategy: 'one-for-one', intensity, children };
}

function programChild(
  name: Program,
  parts: ProgramParts,
  readiness: Map<Program, Promise<void>>,
): PlainChildSpec {
  return {
    kind: 'worker',
    name,
    restart: 'permanent',
    startWithinMs: PROGRAM_START_MS,
    shutdown: DRAIN_MS,
    start: async () => {
      const running: RunningProgram = await startProgram(name, parts);
      readiness.set(name, running.ready);
      return { stop: () => running.stop() };
    },
  };
}

function aborted(signal: AbortSignal): Promise<'stop'> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('stop');
    signal.addEventListener('abort', () => resolve('stop'), { once: true });
  });
}

async function drain({ cli, show }: Session, root: Supervisor): Promise<ExitCode | undefined> {
  show.note('Stopping: running backups may end. A second Ctrl-C exits at once; nothing is lost either way.');
  const cutOff = new AbortController();
  const late = sleep(cli.world.clock, DRAIN_MS, cutOff.signal).then(
    () => 'late' as const,
    () => 'late' as const,
  );
  const outcome = await Promise.race([root.stop(), late]);
  cutOff.abort();
  if (outcome === 'late') {
    cli.stderr.write(
      'steward: not everything has stopped in time; what is left goes on at the next start.\n',
    );
    return EXIT.failure;
  }
  return undefined;
}
