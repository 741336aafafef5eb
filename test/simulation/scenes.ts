import { LIFE_SCENES } from './scenes/life.js';
import { NODE_SCENES } from './scenes/node.js';
import type { Scene } from './scenes/scene.js';
import { VERSION_SCENES } from './scenes/versions.js';

/** By the name that `npm run sim -- --scene` takes. */
export const SCENES: Readonly<Record<string, Scene>> = { ...LIFE_SCENES, ...VERSION_SCENES, ...NODE_SCENES };
