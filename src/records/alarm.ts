/** What went wrong with something on disk that a person should look at; nothing was deleted. */
export type RecordAlarm =
  | {
      readonly kind: 'record-set-aside';
      readonly key: string;
      readonly reason: string;
      /** Where the file goes, told before it does: a start that fails in between may tell it once more. */
      readonly keptAt: string;
    }
  | { readonly kind: 'history-damaged'; readonly path: string; readonly reason: string }
  /** Transitions were let out that the history could not take. */
  | { readonly kind: 'history-gap'; readonly from: number; readonly to: number; readonly reason: string }
  /** Nothing can leave until sequence numbers can be reserved on disk again; attempts go on. */
  | { readonly kind: 'stream-blocked'; readonly reason: string }
  /** A listener failed on a transition; the others have heard of it. */
  | { readonly kind: 'listener-failed'; readonly reason: string };

export type AlarmListener = (alarm: RecordAlarm) => void;
