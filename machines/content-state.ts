/**
 * The content of one instance, from nothing to gone.
 *
 * State         What may exist in it                          What leaves it
 * none          nothing                                        INIT
 * recovering    whatever the record says                       the survey of the world; DISPOSE waits for it
 * settingUp     a record; a folder that may be thrown away     ready → available; failed or DISPOSE → wrappingUp
 * available     complete content, recorded as such; jobs;      DISPOSE → wrappingUp
 *               the backup timer
 * wrappingUp    content that is being saved, then removed      removed and recorded → gone
 * gone          nothing but a remembered outcome               final
 * refused       nothing: the first record was never written    final
 * failed        as recorded; the supervisor starts it again    final
 *
 * A DISPOSE during `recovering` counts once the world is known: complete content is wrapped up, a set-up under way
 * is given up, a wrap-up under way is joined. `since` is when the content state began, over restarts too.
 *
 * Ignored, because they cannot mean anything there: INIT outside `none` (nobody is asked for it while an actor
 * comes back); BACKUP and SNAPSHOT outside `available` (BACKUP also starts the next attempt of `stranded`, and one
 * that accepts a shrunken content says so to any wrap-up); DISPOSE once removal is recorded.
 *
 * The backup timer is the child actor `timer:backup`, from when content is available until it is wrapped up, unless
 * there is no remote storage. It says BACKUP_DUE; the end of that job is its answer; there never are two such jobs.
 * Everything that was in the content at `savedAt` is in a committed backup.
 *
 * A SNAPSHOT is a promise: its record says pending, then available or failed with why. What is still pending when
 * the content is wrapped up is made before the final backup, over restarts too.
 *
 * The way out: record, stop the timer, the workspace's own pre-stop program, quiet, terminal logs, promised
 * snapshots, attachments, final backup, its verification, the record of both and of what is to come, removal. The
 * program and the logs have their end recorded whatever it is, and are not repeated after that; neither keeps the
 * content from being saved. Where there is no such program a restart looks for it again, so nothing is recorded.
 *
 * ATTACH counts in `available` only, while there is room and its name is free. Each attachment is a child actor,
 * `mount:<name>` or `veth:<name>`, with states and a record of its own; it comes back with the content, leaves the
 * list when it ends, whenever that is, and is stopped and awaited in `wrappingUp`, one after another.
 *
 * Content is removed only after `recordingRemoval`, which is entered only when the final backup is verified, which
 * the same record says, when nothing was ever complete, when it is gone already, or when somebody explicitly gave the content up.
 */
import { assign } from 'xstate';
import { available } from './content-available.js';
import { childrenEnd } from './content-children.js';
import { recovering, settingUp } from './content-setting-up.js';
import { contentSetup, startingContext } from './content-setup.js';
import * as steps from './content-steps.js';
import { wrappingUp } from './content-wrapping-up.js';

export const contentMachine = contentSetup.createMachine({
  id: 'content',
  context: ({ input }) => startingContext(input),
  initial: 'starting',
  on: { ...childrenEnd, BACKUP_DUE: { guard: 'isTimerOn', actions: 'refuseRun' } },
  states: {
    starting: {
      always: [{ guard: 'isRecorded', target: 'recovering' }, { target: 'none' }],
    },
    none: {
      on: {
        INIT: {
          target: 'settingUp',
          actions: assign(({ event }) => steps.accepted(event.request, event.at)),
        },
      },
    },
    recovering,
    settingUp,
    available,
    wrappingUp,
    gone: { type: 'final' },
    refused: { type: 'final' },
    failed: { type: 'final' },
  },
});
