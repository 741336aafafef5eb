import { type Finding, missing, ok } from './check.js';

const LEAST = [20, 19] as const;

/** `version` as process.versions.node has it. */
export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1])) return ok('node', version);
  return missing('node', version, `Install Node ${LEAST.join('.')} or newer.`);
}
