import type { InitializerMetric, WorkspaceStatus } from '../../gen/ws-manager-api/core.js';
import type { JsonObject } from './json.js';

const MS_PER_SECOND = 1_000;
const NANOSECONDS_PER_MS = 1e6;

/** The JSON of an instance's metrics row; undefined when the update carries none. */
export function instanceMetrics(status: WorkspaceStatus): JsonObject | undefined {
  const image = status.metadata?.metrics?.image;
  const steps = status.initializerMetrics;
  if (image === undefined && steps === undefined) return undefined;
  return {
    ...(image === undefined
      ? {}
      : {
          image: {
            totalSize: Number(image.totalSize),
            workspaceImageSize: Number(image.workspaceImageSize),
          },
        }),
    ...(steps === undefined
      ? {}
      : {
          initializerMetrics: {
            ...step('git', steps.git),
            ...step('fileDownload', steps.fileDownload),
            ...step('snapshot', steps.snapshot),
            ...step('backup', steps.backup),
            ...step('prebuild', steps.prebuild),
            ...step('composite', steps.composite),
          },
        }),
  };
}

/** Milliseconds and bytes; a step that did not tell its duration is left out. */
function step(name: string, metric: InitializerMetric | undefined): JsonObject {
  if (metric?.duration === undefined) return {};
  const { seconds, nanos } = metric.duration;
  return {
    [name]: {
      duration: Number(seconds) * MS_PER_SECOND + nanos / NANOSECONDS_PER_MS,
      size: Number(metric.size),
    },
  };
}
