import { checkSupervisor } from './check.js';
import { LiveSupervisor } from './live-supervisor.js';
import { SharedContext } from './shared-context.js';
import type { SupervisorSpec } from './spec.js';
import type { SupervisionOptions, Supervisor } from './supervisor.js';

/**
 * Starts a tree and resolves when all of it is up.
 *
 * `signal` gives the start up: what is up is stopped in reverse, what is starting is told to stop. Rejects with the
 * error of the child that failed to start, or with the signal's reason, when everything is stopped again; with
 * `invalid-argument` at once when the specification is wrong.
 */
export async function startSupervisor(
  name: string,
  spec: SupervisorSpec,
  options: SupervisionOptions,
  signal?: AbortSignal,
): Promise<Supervisor> {
  checkSupervisor(name, spec);
  signal?.throwIfAborted();
  const supervisor = new LiveSupervisor(new SharedContext(options), name, spec, 1);
  let stopping: Promise<unknown> | undefined;
  const onAbort = () => {
    stopping = supervisor.stop();
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  const outcome = await supervisor.start();
  signal?.removeEventListener('abort', onAbort);
  await stopping;
  signal?.throwIfAborted();
  if (outcome.result === 'failed') throw outcome.error;
  return supervisor;
}
