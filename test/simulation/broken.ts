/** The promises of the design, by their number there, and what the table of answers and the bridge's rules add. */
export const PROMISES = {
  1: 'an acknowledged backup restores byte for byte',
  2: 'content is never removed before its final backup is recorded and verified',
  3: 'dispose is answered by the table, and content is backed up and removed once',
  4: 'a workspace has one owner at a time, and a former life changes nothing',
  6: 'at rest nothing is left over',
  7: 'no wait is without end',
  8: 'when faults stop, everything comes to rest without help',
  bridge: 'the rows say what is true, by the rules of the bridge',
  told: 'what was told is on disk, and is never taken back',
  defect: 'nothing fails as a defect',
} as const;

export type PromiseName = keyof typeof PROMISES;

/** A promise that did not hold. */
export class BrokenPromise extends Error {
  readonly promise: PromiseName;

  constructor(promise: PromiseName, detail: string) {
    super(`promise ${promise} (${PROMISES[promise]}) is broken: ${detail}`);
    this.name = 'BrokenPromise';
    this.promise = promise;
  }
}
