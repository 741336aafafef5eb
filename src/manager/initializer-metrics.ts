import type { StepMetric } from '../../machines/content-types.js';
import type { InitializerMetrics } from '../gen/ws-manager-api/core.js';

const KINDS = ['git', 'fileDownload', 'snapshot', 'backup', 'prebuild', 'composite'] as const;

/** As the wire has it: one entry per kind, those of several steps of one kind added up; undefined without any. */
export function initializerMetricsOf(steps: readonly StepMetric[]): InitializerMetrics | undefined {
  const [git, fileDownload, snapshot, backup, prebuild, composite] = KINDS.map((kind) =>
    total(steps.filter(({ type }) => type === kind)),
  );
  if (steps.length === 0) return undefined;
  return { git, fileDownload, snapshot, backup, prebuild, composite };
}

function total(steps: readonly StepMetric[]) {
  if (steps.length === 0) return undefined;
  const milliseconds = Math.round(steps.reduce((sum, { durationMs }) => sum + durationMs, 0));
  const size = steps.reduce((sum, { sizeBytes }) => sum + Math.max(0, sizeBytes), 0);
  const [seconds, rest] = [Math.floor(milliseconds / 1_000), milliseconds % 1_000];
  return { duration: { seconds: BigInt(seconds), nanos: rest * 1_000_000 }, size: BigInt(Math.round(size)) };
}
