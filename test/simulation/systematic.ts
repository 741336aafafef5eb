import { DISTURBANCES, disturb } from './disturb.js';
import type { Run } from './run.js';
import type { Scene } from './scenes/scene.js';
import { SCENES } from './scenes.js';

/** Far more than any scene has. */
const OPERATIONS_MAX = 2_000;

/** One scene with one disturbance, at each of a series of operations in turn. */
export interface Series {
  readonly scene: string;
  readonly disturbance: string;
  /** Counted from 1. */
  readonly first: number;
  readonly stride: number;
}

/** Every scene with every disturbance, at every operation. */
export function allSeries(): readonly Series[] {
  return Object.keys(SCENES).flatMap((scene) =>
    Object.keys(DISTURBANCES).map((disturbance) => ({ scene, disturbance, first: 1, stride: 1 })),
  );
}

/**
 * A part of them that looks everywhere: each disturbance meets other operations of a scene, so that together they
 * meet all of them.
 */
export function someSeries(stride: number, disturbances: readonly string[]): readonly Series[] {
  const kinds = Object.keys(DISTURBANCES);
  return allSeries()
    .filter(({ disturbance }) => disturbances.includes(disturbance))
    .map((series) => {
      const share = kinds.indexOf(series.disturbance) / kinds.length;
      return { ...series, first: 1 + Math.floor(share * stride), stride };
    });
}

/** One run after the other, until the scene has fewer operations. */
export async function* runsOf(
  series: Series,
): AsyncGenerator<{ readonly operation: number; readonly run: Run }> {
  const scene = sceneNamed(series.scene);
  for (let operation = series.first; operation < OPERATIONS_MAX; operation += series.stride) {
    const { run, isReached } = await disturb(scene, disturbanceNamed(series.disturbance), operation);
    yield { operation, run };
    if (!isReached) return;
  }
  throw new Error(`${series.scene} never ends`);
}

export async function runOne(scene: string, disturbance: string, operation: number): Promise<Run> {
  return (await disturb(sceneNamed(scene), disturbanceNamed(disturbance), operation)).run;
}

function sceneNamed(name: string): Scene {
  const scene = SCENES[name];
  if (scene === undefined)
    throw new Error(`there is no scene ${name}; there are ${Object.keys(SCENES).join(', ')}`);
  return scene;
}

function disturbanceNamed(name: string) {
  const disturbance = DISTURBANCES[name];
  if (disturbance !== undefined) return disturbance;
  throw new Error(`there is no disturbance ${name}; there are ${Object.keys(DISTURBANCES).join(', ')}`);
}
