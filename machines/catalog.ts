import type { AnyStateMachine } from 'xstate';
import { backupTimerMachine } from './backup-timer.js';
import { contentMachine } from './content-state.js';
import { lifeMachine } from './instance-life.js';
import { mountMachine } from './mount.js';
import { vethMachine } from './veth-pair.js';

/** Every state machine of Steward, under the name of its file. */
export const machines: Readonly<Record<string, AnyStateMachine>> = {
  'content-state': contentMachine,
  'backup-timer': backupTimerMachine,
  mount: mountMachine,
  'veth-pair': vethMachine,
  'instance-life': lifeMachine,
};
