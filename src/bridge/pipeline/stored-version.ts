import { ROW_VERSION_MAX } from '../bounds.js';

/** The version that `text`, a value in a row's JSON, tells; what is no unsigned integer of 64 bits counts as none, which is 0. */
export function storedVersion(text = ''): bigint {
  if (!/^\d{1,20}$/.test(text)) return 0n;
  const version = BigInt(text);
  return version <= ROW_VERSION_MAX ? version : 0n;
}
