import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Of the package this code belongs to: its package.json is the nearest one above, built or not. */
export function packageVersion(): string {
  const require = createRequire(import.meta.url);
  for (
    let folder = dirname(fileURLToPath(import.meta.url));
    dirname(folder) !== folder;
    folder = dirname(folder)
  ) {
    const found = versionIn(require, join(folder, 'package.json'));
    if (found !== undefined) return found;
  }
  return '0.0.0';
}

function versionIn(require: NodeJS.Require, path: string): string | undefined {
  try {
    const manifest: unknown = require(path);
    if (typeof manifest !== 'object' || manifest === null || !('version' in manifest)) return undefined;
    return typeof manifest.version === 'string' ? manifest.version : undefined;
  } catch {
    return undefined;
  }
}
