/**
 * What each step means, in the words of somebody who never saw the machines. A test keeps that every state of
 * both machines has words.
 */

/** After "Its content …". */
export const CONTENT_STEPS: Readonly<Record<string, string>> = {
  none: 'does not exist yet',
  starting: 'is being taken up',
  recovering: 'is being compared with its record, because the daemon was started again',
  'settingUp.recordingRequest': 'is about to be set up: the request is being written to disk',
  'settingUp.reserving': 'is getting its place on the node',
  'settingUp.initializing': 'is being produced',
  'settingUp.sealing': 'is being prepared for its first backup',
  'settingUp.recordingAvailable': 'is complete, which is being written to disk',
  'settingUp.announcing': 'is complete and being announced',
  'settingUp.abandoning': 'was given up before it was complete; the work on it is being ended',
  'available.idle': 'is in use',
  'available.recordingJob': 'is in use; the request for a backup or snapshot is being written to disk',
  'available.working': 'is in use while a backup or snapshot of it is made',
  'available.recordingResult': 'is in use; the result of a backup or snapshot is being written to disk',
  'wrappingUp.recordingWrapUp': 'is about to be wrapped up, which is being written to disk',
  'wrappingUp.preparing': 'is being wrapped up',
  'wrappingUp.stoppingTimer': 'is being wrapped up: the periodic backups are being ended',
  'wrappingUp.runningPreStop': "is being wrapped up: the workspace's own pre-stop program runs",
  'wrappingUp.recordingPreStop': 'is being wrapped up: how pre-stop went is being written to disk',
  'wrappingUp.quiescing': 'is being wrapped up: all work on it is being ended',
  'wrappingUp.gathering': 'is being wrapped up',
  'wrappingUp.uploadingLogs': 'is being wrapped up: the terminal logs are being stored',
  'wrappingUp.recordingLogs': 'is being wrapped up: that the logs are stored is being written to disk',
  'wrappingUp.makingSnapshot': 'is being wrapped up: a snapshot that was promised is being made first',
  'wrappingUp.recordingSnapshot': 'is being wrapped up: the result of a snapshot is being written to disk',
  'wrappingUp.disconnecting': 'is being wrapped up: what was attached to it is being taken off',
  'wrappingUp.detaching': 'is being wrapped up: what was attached to it is being taken off',
  'wrappingUp.backingUp': 'is being saved for the last time',
  'wrappingUp.verifying': 'is saved; the final backup is being read back',
  'wrappingUp.weighing': 'could not be saved in this attempt',
  'wrappingUp.pausing': 'could not be saved yet and waits for the next attempt',
  'wrappingUp.recordingStranded': 'could not be saved, which is being written to disk',
  'wrappingUp.stranded': 'could not be saved in any attempt so far; it stays where it is',
  'wrappingUp.retrying': 'could not be wrapped up yet and waits for the next attempt',
  'wrappingUp.recordingRemoval': 'may go, which is being written to disk before anything is removed',
  'wrappingUp.removing': 'is being removed from the node',
  'wrappingUp.retryingRemoval': 'could not be removed yet and waits for the next attempt',
  'wrappingUp.recordingGone': 'is gone, which is being written to disk',
  gone: 'is gone from the node',
  refused: 'was never begun: its first record could not be written',
  failed: 'has no actor at the moment, which is started again',
  parked: 'is parked: nothing happens to it until somebody decides',
  restarting: 'has no actor at the moment, which is started again',
};

/** After the id of the instance. */
export const LIFE_STEPS: Readonly<Record<string, string>> = {
  starting: 'is being taken up',
  pending: 'was accepted, which is being written to disk',
  recovering: 'is being taken up again, because the manager was started again',
  'creating.recordingBegun': 'is being created',
  'creating.preparing': 'is being created: the daemon of its node is being reached',
  'initializing.recordingDeployed': 'has a node',
  'initializing.settingUp': 'is waiting for its content',
  'initializing.recordingReady': 'has its content',
  'initializing.startingCommand': 'has its content, and its command is being started',
  'initializing.recordingRunning': 'has its content, and its command was started',
  running: 'is running',
  'stopping.recordingStop': 'is about to stop',
  'stopping.endingCommand': 'is stopping: its command is being ended',
  'stopping.snapshotting': 'is stopping: its tasks are done, and a snapshot of what they made is being taken',
  'stopping.recordingSnapshot': 'is stopping: the snapshot of what its tasks made is being written down',
  'stopping.disposing': 'is stopping: its command has ended, and its content is being wrapped up',
  'stopping.recordingTrouble': 'is stopping, and something is in the way',
  'stopping.pausing': 'is stopping, something is in the way, and it waits for the next attempt',
  'stopping.recordingOutcome': 'has come to its end, which is being written to disk',
  stopped: 'has stopped',
  refused: 'was never begun: its first record could not be written',
  failed: 'has no actor at the moment, which is started again',
};

/** What was under way in a step, for "… failed". */
const WORK: Readonly<Record<string, string>> = {
  recovering: 'looking at what is there',
  reserving: 'getting a place on the node',
  initializing: 'producing the content',
  sealing: 'preparing the first backup',
  announcing: 'announcing the content',
  working: 'a backup or snapshot',
  makingSnapshot: 'a promised snapshot',
  stoppingTimer: 'ending the periodic backups',
  runningPreStop: "the workspace's own pre-stop program",
  quiescing: 'ending all work on the content',
  uploadingLogs: 'storing the terminal logs',
  disconnecting: 'taking off what was attached',
  detaching: 'taking off what was attached',
  backingUp: 'the final backup',
  verifying: 'reading the final backup back',
  removing: 'removing the content',
  pending: 'writing the first record',
  preparing: 'reaching the daemon',
  settingUp: 'getting the content',
  startingCommand: 'starting the command',
  snapshotting: 'the snapshot of what the tasks made',
  endingCommand: 'ending the command',
  disposing: 'saving and removing the content',
};

/** `initializing` or `settingUp.initializing` as work; writing a record is the same everywhere. */
export function workIn(step: string): string {
  const name = step.slice(step.lastIndexOf('.') + 1);
  return WORK[name] ?? (name.startsWith('recording') ? 'writing the record' : name);
}
