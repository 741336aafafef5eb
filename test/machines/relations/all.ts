import { proofOf } from '../harness/proof.js';
import { backupTimerSpec } from './backup-timer.js';
import { contentSpec } from './content.js';
import { lifeSpec } from './instance-life.js';
import { mountSpec } from './mount.js';
import { vethSpec } from './veth-pair.js';

/** Every machine that is proved, with its hand-written relation. */
export const proofs = [
  proofOf(contentSpec),
  proofOf(backupTimerSpec),
  proofOf(mountSpec),
  proofOf(vethSpec),
  proofOf(lifeSpec),
];
