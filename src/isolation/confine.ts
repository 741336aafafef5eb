import type { ProcessCommand } from '../gateways/processes.js';
import type { World } from '../gateways/world.js';
import { type ConfineOptions, confined } from './confined-command.js';
import { confinementOf } from './probe.js';

/**
 * The command as it runs in namespaces of its own, where the machine allows that (tried once): a root file system
 * that can only be read, in which nothing of other workspaces or of this program exists; processes of its own,
 * which all end with the first one and with us; no privileges, and none to be had. Elsewhere the command as it is,
 * which `Confinement` tells. Its standard streams and one-shot pipes stay what they are.
 */
export async function confine(
  world: World,
  command: ProcessCommand,
  options: ConfineOptions,
): Promise<ProcessCommand> {
  const confinement = await confinementOf(world);
  return confinement.kind === 'open' ? command : confined(confinement, command, options);
}
