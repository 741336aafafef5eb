import { describe, expect, it } from 'vitest';
import { DISTURBANCES, disturb } from './disturb.js';
import { SCENES } from './scenes.js';

/** Far more than any scene has. */
const OPERATIONS_MAX = 2_000;

describe.each(Object.entries(SCENES))('%s, disturbed at every operation', (_name, scene) => {
  it.each(Object.entries(DISTURBANCES))('by %s, keeps every promise', async (_kind, disturbance) => {
    for (let operation = 1; operation < OPERATIONS_MAX; operation += 1) {
      const { run, isReached } = await disturb(scene, disturbance, operation);
      const steps = run.broken === undefined ? '' : run.lines.join('\n');
      expect(run.broken?.message, `at operation ${operation}:\n${steps}`).toBeUndefined();
      if (!isReached) return;
    }
    expect.unreachable('the scene never ends');
  });
});
