import { errorsGenerator } from './errors.js';
import type { Generator } from './generator.js';
import { machinesGenerator } from './machines.js';
import { protoGenerator } from './proto.js';
import { referenceGenerator } from './reference/reference.js';

export const generators: readonly Generator[] = [
  protoGenerator,
  machinesGenerator,
  errorsGenerator,
  referenceGenerator,
];
