import type { ProcessCommand, Processes } from '../gateways/processes.js';
import type { World } from '../gateways/world.js';
import { type ConfinedLimits, type ConfineOptions, confined } from './confined-command.js';
import { confinementOf } from './probe.js';

const limits = new WeakMap<Processes, ConfinedLimits>();

/** From now on, of all commands that are confined in this world. */
export function limitConfined({ processes }: Pick<World, 'processes'>, limit: ConfinedLimits): void {
  limits.set(processes, limit);
}

/**
 * The command as it runs in namespaces of its own, where the machine allows that (tried once): a root file system
 * that can only be read, in which nothing of other workspaces or of this program exists; processes of its own,
 * which all end with the first one and with us; no privileges, and none to be had; so much memory for each and no more. Elsewhere the command as it is,
 * which `Confinement` tells. Its standard streams and one-shot pipes stay what they are.
 */
export async function confine(
  world: World,
  command: ProcessCommand,
  options: ConfineOptions,
): Promise<ProcessCommand> {
  const confinement = await confinementOf(world);
  if (confinement.kind === 'open') return command;
  return confined(confinement, command, options, limits.get(world.processes));
}
