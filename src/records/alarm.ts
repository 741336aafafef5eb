/** What went wrong with something on disk that a person should look at; nothing was deleted. */
export type RecordAlarm =
  | {
      readonly kind: 'record-set-aside';
      readonly key: string;
      readonly reason: string;
      /** Where the file is now. */
      readonly keptAt: string;
    }
  | { readonly kind: 'history-damaged'; readonly path: string; readonly reason: string }
  /** Transitions were let out that the history could not take. */
  | { readonly kind: 'history-gap'; readonly from: number; readonly to: number; readonly reason: string };

export type AlarmListener = (alarm: RecordAlarm) => void;
