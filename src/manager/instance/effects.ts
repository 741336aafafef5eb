import { join } from 'node:path';
import { fromPromise } from 'xstate';
import type { Identity, StepMetric } from '../../../machines/content-types.js';
import type { InstanceId } from '../../../machines/ids.js';
import { lifeMachine } from '../../../machines/instance-life.js';
import type { LifeStep } from '../../../machines/instance-life-setup.js';
import type { LifeContext, LifeFailure, LifeSurvey } from '../../../machines/instance-life-types.js';
import { StewardError, toStewardError } from '../../errors/steward-error.js';
import { sleep } from '../../gateways/clock.js';
import { withDeadline } from '../../gateways/deadline.js';
import type { World } from '../../gateways/world.js';
import type { StartWorkspaceRequest } from '../../gen/ws-manager-api/core.js';
import type { RunRequest, WorkspaceRuntime } from '../../runtime/workspace-runtime.js';
import { DAEMON_ANSWER_MS, DAEMON_TRIES_MAX, SET_UP_METRICS_MS, SURVEY_DAEMON_MS } from '../bounds.js';
import type { ContentDaemon } from '../content-daemon.js';
import { untilReached } from '../daemon-tries.js';
import type { Maintenance } from '../maintenance.js';
import { environmentOf } from './environment.js';
import { gitReportOf } from './git-report.js';
import type { InOrder } from './in-order.js';
import type { InstanceRecord } from './instance-record.js';
import { decodeRequest, openRequest } from './request.js';
import type { SecretRequests } from './secrets.js';
import { workOf } from './tasks.js';

/** What the effects of all instances need. */
export interface EffectTools {
  readonly world: World;
  readonly daemon: ContentDaemon;
  readonly runtime: WorkspaceRuntime;
  readonly secrets: SecretRequests;
  readonly maintenance: Maintenance;
  /** Folder below which the daemon keeps the content of each instance, under its id. */
  readonly contentRoot: string;
  readonly defaultCommand: readonly string[];
}

/** What an instance is besides its life. */
export interface InstanceRequest {
  readonly identity: Identity;
  readonly encoded: string;
  /** Of the request without its secrets. */
  readonly fingerprint: string;
  readonly hasSecrets: boolean;
  readonly url: string;
}

type Write = (context: LifeContext) => Promise<void>;

/** The machine with its effects in place. `write` makes the data durable and then known; `now` is the newest of it. */
export function livingMachine(
  tools: EffectTools,
  of: InstanceRequest,
  order: InOrder,
  write: Write,
  now: () => InstanceRecord | undefined,
) {
  const { world, daemon, runtime } = tools;
  const { instance } = of.identity;
  const effect = <Output extends object, Input = LifeStep>(
    run: (input: Input, signal: AbortSignal) => Promise<Output>,
  ) =>
    fromPromise<Output & { readonly at: number }, Input>(async ({ input, signal }) => {
      try {
        return { ...(await run(input, signal)), at: world.clock.now() };
      } catch (thrown) {
        throw failure(world, thrown);
      }
    });
  return lifeMachine.provide({
    actors: {
      deadline: effect<object, { readonly at: number }>(async ({ at }, signal) => {
        await sleep(world.clock, at - world.clock.now(), signal);
        return {};
      }),
      writeRecord: effect(async ({ context }) => {
        await write(context);
        return {};
      }),
      survey: effect(({ context }, signal) => survey(tools, of, context, signal)),
      prepare: effect(async (_, signal) => {
        await untilReached(world, Number.POSITIVE_INFINITY, signal, () =>
          withDeadline(world.clock, DAEMON_ANSWER_MS, 'asking the daemon', signal, (asking) =>
            daemon.exists(instance, asking),
          ),
        );
        return {};
      }),
      initContent: effect(async (_, signal) => {
        await setUp(tools, of, signal);
        return { metrics: await whatItTook(tools, instance, signal) };
      }),
      startCommand: effect(({ context }, signal) =>
        order.run(signal, async () =>
          start(tools, await runRequest(tools, of, context, now()?.settings.sshKeys ?? []), signal),
        ),
      ),
      awaitEnd: effect(async ({ context }, signal) => {
        const end = await runtime.ended(instance, signal);
        // A task that is done during maintenance stays where it is until that is over.
        if (context.kind !== 'regular') await tools.maintenance.over(signal);
        return { end };
      }),
      stopCommand: effect(({ context }, signal) =>
        order.run(signal, async () => ({
          end: await runtime.stop(instance, context.killAt ?? context.at, signal),
        })),
      ),
      takeSnapshot: effect(async (_, signal) => ({
        url: await untilReached(world, DAEMON_TRIES_MAX, signal, () =>
          daemon.snapshot(instance, true, signal),
        ),
      })),
      disposeContent: effect<
        { outcome: 'backed-up' | 'discarded' | 'lost'; git: ReturnType<typeof gitReportOf> | undefined },
        LifeStep & { readonly backup: boolean }
      >(({ context, backup }, signal) => dispose(tools, of, context, backup, signal)),
    },
  });
}

async function survey(
  tools: EffectTools,
  of: InstanceRequest,
  context: LifeContext,
  signal: AbortSignal,
): Promise<Omit<LifeSurvey, 'at'>> {
  const { world, daemon } = tools;
  const { instance } = of.identity;
  const credentials = (await kept(tools, of)) === undefined ? 'lost' : 'available';
  if (!context.deployed) return { content: 'unknown', credentials };
  try {
    const exists = await withDeadline(world.clock, SURVEY_DAEMON_MS, 'asking the daemon', signal, (asking) =>
      untilReached(world, DAEMON_TRIES_MAX, asking, () => daemon.exists(instance, asking)),
    );
    return { content: exists ? 'present' : 'absent', credentials };
  } catch {
    signal.throwIfAborted();
    return { content: 'unknown', credentials };
  }
}

/** Begins the set-up, or joins the one that an earlier life or try of ours began. */
async function setUp(tools: EffectTools, of: InstanceRequest, signal: AbortSignal): Promise<void> {
  const { world, daemon } = tools;
  const { instance, workspace, owner } = of.identity;
  const initializer = (await wholeRequest(tools, of)).spec?.initializer ?? { spec: undefined };
  await untilReached(world, Number.POSITIVE_INFINITY, signal, async () => {
    try {
      await daemon.init({ instance, workspace, owner, initializer }, signal);
    } catch (thrown) {
      if (toStewardError(thrown).code !== 'already-exists') throw thrown;
      await daemon.waitForInit(instance, signal);
    }
  });
}

/** Nice to know, and no reason to hold up a start. */
async function whatItTook(
  { world, daemon }: EffectTools,
  instance: InstanceId,
  signal: AbortSignal,
): Promise<readonly StepMetric[]> {
  try {
    return await withDeadline(world.clock, SET_UP_METRICS_MS, 'asking the daemon', signal, (asking) =>
      daemon.setUpMetrics(instance, asking),
    );
  } catch {
    signal.throwIfAborted();
    return [];
  }
}

async function start(tools: EffectTools, request: RunRequest, signal: AbortSignal): Promise<object> {
  const run = await tools.runtime.start(request, signal);
  if (run.state === 'never-started' || run.state === 'absent') {
    throw new StewardError('process-failed', 'it was stopped before it ran');
  }
  return {};
}

async function runRequest(
  tools: EffectTools,
  of: InstanceRequest,
  { kind }: LifeContext,
  sshKeys: readonly string[],
): Promise<RunRequest> {
  const { spec, metadata } = await wholeRequest(tools, of);
  if (spec === undefined) throw new StewardError('internal', 'a recorded request has no spec');
  const { instance } = of.identity;
  return {
    instance,
    work: workOf(kind, metadata?.annotations ?? {}, spec, tools.defaultCommand),
    env: environmentOf(of.identity, of.url, spec),
    contentFolder: join(tools.contentRoot, instance),
    location: spec.workspaceLocation,
    git: { name: spec.git?.username ?? '', email: spec.git?.email ?? '' },
    sshKeys,
  };
}

async function wholeRequest(tools: EffectTools, of: InstanceRequest): Promise<StartWorkspaceRequest> {
  const request = await kept(tools, of);
  if (request !== undefined) return request;
  throw new StewardError('credentials-lost', 'the secrets of the start are gone');
}

/** The request as it came; undefined when its secrets are gone, or are not those of this request any more. */
async function kept(tools: EffectTools, of: InstanceRequest): Promise<StartWorkspaceRequest | undefined> {
  if (!of.hasSecrets) return decodeRequest(of.encoded);
  const request = await tools.secrets.read(of.identity.instance);
  if (request === undefined || openRequest(request).fingerprint !== of.fingerprint) return undefined;
  return request;
}

/**
 * Without a daemon's word that it saved the content, nothing counts as saved: an instance it does not know had its
 * content lost, unless there was nothing to save.
 */
async function dispose(
  { world, daemon }: EffectTools,
  { identity: { instance } }: InstanceRequest,
  { deployed, kind }: LifeContext,
  backup: boolean,
  signal: AbortSignal,
) {
  if (!deployed) return { outcome: 'discarded', git: undefined } as const;
  try {
    const git = await untilReached(world, DAEMON_TRIES_MAX, signal, () =>
      // What headless tasks said is kept with their content; people saw what theirs did.
      daemon.dispose(instance, { backup, backupLogs: backup && kind !== 'regular' }, signal),
    );
    const report = git === undefined ? undefined : gitReportOf(git);
    return { outcome: backup ? 'backed-up' : 'discarded', git: report } as const;
  } catch (thrown) {
    if (toStewardError(thrown).code !== 'unknown-instance') throw thrown;
    return { outcome: backup ? 'lost' : 'discarded', git: undefined } as const;
  }
}

function failure({ clock, random }: World, thrown: unknown): LifeFailure {
  const { code, message } = toStewardError(thrown);
  return {
    at: clock.now(),
    message: code === 'internal' ? message : `${code}: ${message}`,
    jitter: random.fraction(),
  };
}
