import { describe, expect, it } from 'vitest';
import { runsOf, someSeries } from './systematic.js';

/** Operations between two that are disturbed; `npm run sim -- --systematic` disturbs all. */
const STRIDE = 20;

/** Each scene, disturbed at some of its operations. */
export function describeSome(disturbances: readonly string[]): void {
  const all = someSeries(STRIDE, disturbances);
  const scenes = new Set(all.map(({ scene }) => scene));
  describe.each([...scenes])('%s, disturbed at one operation after another', (scene) => {
    it.each(all.filter((series) => series.scene === scene))(
      'by $disturbance, keeps every promise',
      async (series) => {
        for await (const { operation, run } of runsOf(series)) {
          const steps = run.broken === undefined ? '' : run.lines.join('\n');
          expect(run.broken?.message, `at operation ${operation}:\n${steps}`).toBeUndefined();
        }
      },
    );
  });
}
