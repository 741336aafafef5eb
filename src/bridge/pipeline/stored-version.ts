const VERSION_MAX = 2n ** 64n - 1n;

/** The version that `text`, a value in a row's JSON, tells; what is no unsigned integer of 64 bits counts as none, which is 0. */
export function storedVersion(text = ''): bigint {
  if (!/^\d{1,20}$/.test(text)) return 0n;
  const version = BigInt(text);
  return version <= VERSION_MAX ? version : 0n;
}
