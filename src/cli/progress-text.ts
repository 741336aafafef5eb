import { formatBytes } from '../config/quantity.js';
import type { ContentProgress } from '../gen/steward/v1/content_service.js';
import { formatTime, formatTimeOfDay } from './format.js';
import { plainText } from './plain-text.js';
import type { Style } from './style.js';

/** How far an instance's content is, for the line that changes. */
export function progressText(
  { atMs, instanceId, step, doneBytes, percent }: ContentProgress,
  style: Style,
  showsInstance = false,
): string {
  const words = [
    formatTimeOfDay(Number(atMs)),
    ...(showsInstance ? [instanceId] : []),
    plainText(step),
    ...(percent === undefined ? [] : [`${percent} %`]),
    ...(doneBytes === 0n ? [] : [formatBytes(Number(doneBytes))]),
  ];
  return style.dim(words.join('  '));
}

/** For --json, beside transitions, which have no `type`. */
export function progressJson({ atMs, instanceId, doneBytes, step, percent, node }: ContentProgress) {
  return {
    type: 'progress',
    at: formatTime(atMs),
    instance: instanceId,
    ...{ step, doneBytes: Number(doneBytes), percent, node },
  };
}
