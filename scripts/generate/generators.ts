import type { Generator } from './generator.js';

export const generators: readonly Generator[] = [];
