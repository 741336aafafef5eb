/**
 * Databases compare names as their collations say, mostly without regard to case; managers and their rows are told apart
 * exactly. `hex(column)` is compared with this, in each of them.
 */
export function hexOf(name: string): string {
  return Buffer.from(name).toString('hex').toUpperCase();
}

/** Of names that differ in case only, no two are taken: nobody could tell the rows of one cluster from those of the other. */
export function isAlike(name: string, other: string): boolean {
  return name.toLowerCase() === other.toLowerCase();
}
