import { proofOf } from '../harness/proof.js';
import { backupTimerSpec } from './backup-timer.js';

/** Every machine that is proved, with its hand-written relation. */
export const proofs = [proofOf(backupTimerSpec)];
