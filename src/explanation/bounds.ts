/** Kinds of failures told at most. */
export const TRIED_SHOWN_MAX = 5;
/** Transitions shown as the way that led here. */
export const PATH_SHOWN_MAX = 12;
/** Kept transitions an explanation looks at. */
export const HISTORY_READ_MAX = 500;
