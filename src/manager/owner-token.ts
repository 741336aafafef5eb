import type { Random } from '../gateways/random.js';
import { OWNER_TOKEN_LENGTH } from './bounds.js';

const CHARACTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-.';

/** A secret that grants its owner access: random bytes, each mapped onto the 65 characters by modulo. */
export function newOwnerToken(random: Random): string {
  return [...random.bytes(OWNER_TOKEN_LENGTH)].map((byte) => CHARACTERS[byte % CHARACTERS.length]).join('');
}
