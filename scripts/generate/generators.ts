import type { Generator } from './generator.js';
import { protoGenerator } from './proto.js';

export const generators: readonly Generator[] = [protoGenerator];
