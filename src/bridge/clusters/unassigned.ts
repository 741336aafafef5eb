/**
 * Whether rows of this region are of no cluster (yet): servers make them with none, or with the name of the installation,
 * and name the cluster before they ask its manager. One that is followed may have the installation's name.
 */
export function isUnassigned(
  region: string,
  installation: string,
  clusters: readonly string[] | undefined,
): boolean {
  return region === '' || (region === installation && !clusters?.includes(region));
}
