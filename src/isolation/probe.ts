import type { Processes } from '../gateways/processes.js';
import type { World } from '../gateways/world.js';
import { CONFINEMENT_PROBE_MS, CONFINEMENT_REASON_CHARACTERS_MAX } from './bounds.js';
import { type ConfinedMachine, confined } from './confined-command.js';
import { surroundingsOf } from './surroundings.js';

/** Whether commands that work on content of others can be confined on this machine. */
export type Confinement =
  | ({ readonly kind: 'confined' } & ConfinedMachine)
  | { readonly kind: 'open'; readonly why: string };

const known = new WeakMap<Processes, Promise<Confinement>>();

/** Tried once per start; never fails. */
export function confinementOf(world: World): Promise<Confinement> {
  const before = known.get(world.processes);
  if (before !== undefined) return before;
  const probing = probeConfinement(world).catch(
    (error: unknown): Confinement => ({ kind: 'open', why: String(error) }),
  );
  known.set(world.processes, probing);
  return probing;
}

const TOOLS = ['unshare', 'setpriv', 'mount', 'sh', 'cp', 'mkdir'];

/** Tries it with what a set-up needs. */
export async function probeConfinement(world: World): Promise<Confinement> {
  for (const tool of TOOLS) {
    if ((await world.processes.find(tool)) === undefined) return { kind: 'open', why: `there is no ${tool}` };
  }
  const surroundings = await surroundingsOf(world.files);
  const reasons: string[] = [];
  for (const mode of ['root', 'user'] as const) {
    const confinement = { kind: 'confined', mode, surroundings } as const;
    const reason = await tryOut(world, confinement);
    if (reason === undefined) return confinement;
    reasons.push(reason);
  }
  return { kind: 'open', why: reasons.join('; ').slice(0, CONFINEMENT_REASON_CHARACTERS_MAX) };
}

/**
 * Ends well only where nothing but the workspace can be written, and what content work takes is there. The file
 * has a name of its own, because others may be trying this at the same time.
 */
const TRIAL =
  'command -v git && command -v tar && : > /dev/null && made=$(mktemp /tmp/.steward-trial-XXXXXX) && rm "$made" ' +
  '&& test -r /proc/self/stat && test ! -w /usr && test ! -w /etc && test ! -e /var';

/** In a user namespace root has one user, itself: content that belongs to another could be neither made nor read. */
const IS_NOT_ROOT_OUTSIDE = 'read -r _ outside _ < /proc/self/uid_map && test "$outside" != 0';
const TRIALS = { root: TRIAL, user: `${IS_NOT_ROOT_OUTSIDE} && ${TRIAL}` } as const;

/** What went wrong; undefined when nothing did. */
async function tryOut(world: World, confinement: ConfinedMachine): Promise<string | undefined> {
  const cutOff = new AbortController();
  const timer = world.clock.schedule(world.clock.now() + CONFINEMENT_PROBE_MS, () => cutOff.abort());
  const command = {
    program: 'sh',
    args: ['-c', TRIALS[confinement.mode]],
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    signal: cutOff.signal,
  };
  try {
    const running = world.processes.start(confined(confinement, command, { writable: '/tmp' }));
    running.stdout.resume();
    let said = '';
    for await (const chunk of running.stderr) {
      if (said.length < CONFINEMENT_REASON_CHARACTERS_MAX) said += String(chunk);
    }
    const exit = await running.exit;
    if (exit.kind === 'code' && exit.code === 0) return undefined;
    return said.trim() || 'a confined program did not end well';
  } finally {
    timer.cancel();
  }
}
