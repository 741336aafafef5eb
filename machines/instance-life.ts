/**
 * One instance of a workspace as its manager sees it, from the accepted request to stopped.
 *
 * State         What may exist in it                              What leaves it
 * pending       nothing yet but the request on its way to disk    recorded → creating, or stopping if asked to
 *                                                                 meanwhile; not recorded → refused
 * recovering    whatever the record says                          the survey of the world
 * creating      a record                                          the daemon is found → initializing
 * initializing  a record; content being produced, or complete;    the command runs → running
 *               at the end the command, started once
 * running       content and command                               the command ends → stopping
 * stopping      what is left of both, being ended, saved, removed saved or given up, and recorded → stopped
 * stopped       nothing but the record of the outcome             final
 * refused       nothing: the first record was never written       final
 * failed        as recorded; the supervisor starts it again       final
 *
 * What a prebuild made is promised as a snapshot on the way out, before its content is saved and removed.
 *
 * STOP and TIMEOUT lead to `stopping` from every state that has something to stop; they are recorded there before
 * anything is ended. In `pending` and `recovering` they wait for what is under way: without its first record there is
 * nothing to stop. In `stopping` only the first stop, a stricter one (shorter grace, abort) and the first timeout change anything.
 * Both are ignored in `stopping.recordingOutcome` and the final states, where nothing is left to stop.
 *
 * Every effect runs after the record that announces it and may run again after a restart. A wait that is over
 * its deadline leads to `stopping` before the command runs, to another attempt afterwards, and to `failed` where
 * the disk does not answer; a broken clock leads there from everywhere.
 */
import { assign } from 'xstate';
import { lifeSetup, startingContext } from './instance-life-setup.js';
import { creating, initializing, pending, recovering } from './instance-life-starting.js';
import * as steps from './instance-life-steps.js';
import { stopping } from './instance-life-stopping.js';
import { withContext } from './instance-life-waits.js';

export const lifeMachine = lifeSetup.createMachine({
  id: 'life',
  context: ({ input }) => startingContext(input),
  initial: 'starting',
  on: {
    STOP: {
      target: '#life.stopping',
      actions: assign(({ context, event }) => steps.stopRequested(context, event.request, event.at)),
    },
    TIMEOUT: {
      target: '#life.stopping',
      actions: assign(({ context, event }) => steps.timedOut(context, event.reason, event.graceMs, event.at)),
    },
  },
  states: {
    starting: {
      always: [{ guard: 'isRecorded', target: 'recovering' }, { target: 'pending' }],
    },
    pending,
    recovering,
    creating,
    initializing,
    /** As long as the workspace's command runs: what ends this wait otherwise is a TIMEOUT, which activity puts off. */
    running: {
      invoke: {
        src: 'awaitEnd',
        input: withContext,
        onDone: {
          target: 'stopping',
          actions: assign(({ context, event }) =>
            steps.commandEnded(context, event.output.end, event.output.at),
          ),
        },
        onError: { target: 'failed' },
      },
    },
    stopping,
    stopped: { type: 'final' },
    refused: { type: 'final' },
    failed: { type: 'final' },
  },
});
