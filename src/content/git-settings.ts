import { StewardError } from '../errors/steward-error.js';
import { GIT_ARGUMENT_CHARACTERS_MAX, GIT_CONFIG_KEYS_MAX } from './bounds.js';
import { hasControlCharacters } from './checkout-location.js';
import type { GitSetting } from './git.js';

/** What a request may set in a new repository: nothing here names a program, a file, a server or a secret. */
const ALLOWED_KEYS: ReadonlySet<string> = new Set([
  'branch.autosetupmerge',
  'branch.autosetuprebase',
  'branch.sort',
  'checkout.defaultremote',
  'checkout.guess',
  'color.ui',
  'column.ui',
  'commit.verbose',
  'core.abbrev',
  'core.autocrlf',
  'core.bigfilethreshold',
  'core.commentchar',
  'core.compression',
  'core.eol',
  'core.filemode',
  'core.ignorecase',
  'core.logallrefupdates',
  'core.longpaths',
  'core.precomposeunicode',
  'core.preloadindex',
  'core.quotepath',
  'core.safecrlf',
  'core.untrackedcache',
  'core.whitespace',
  'diff.algorithm',
  'diff.colormoved',
  'diff.mnemonicprefix',
  'diff.renames',
  'fetch.parallel',
  'fetch.prune',
  'fetch.prunetags',
  'fetch.writecommitgraph',
  'help.autocorrect',
  'http.postbuffer',
  'http.version',
  'init.defaultbranch',
  'log.date',
  'log.decorate',
  'merge.conflictstyle',
  'merge.ff',
  'pack.threads',
  'pack.windowmemory',
  'pull.ff',
  'pull.rebase',
  'push.autosetupremote',
  'push.default',
  'push.followtags',
  'rebase.autosquash',
  'rebase.autostash',
  'rebase.updaterefs',
  'rerere.enabled',
  'status.showuntrackedfiles',
  'tag.sort',
  'user.email',
  'user.name',
]);

/** Whether a request may set it. */
export function isAllowedKey(key: string): boolean {
  return ALLOWED_KEYS.has(key.toLowerCase());
}

/** `custom_config` of a request, trimmed; fails with `invalid-argument` and the key for what is not allowed. */
export function checkedSettings(
  settings: Readonly<Record<string, string>>,
  field: string,
): readonly GitSetting[] {
  const entries = Object.entries(settings).map(([key, value]): GitSetting => [key.trim(), value.trim()]);
  if (entries.length > GIT_CONFIG_KEYS_MAX) {
    throw new StewardError('invalid-argument', `${field} has more than ${GIT_CONFIG_KEYS_MAX} keys`);
  }
  for (const [key, value] of entries) {
    if (!isAllowedKey(key)) {
      const shown = JSON.stringify(key.slice(0, 100));
      throw new StewardError('invalid-argument', `${field} must not set ${shown}`);
    }
    if (value.length > GIT_ARGUMENT_CHARACTERS_MAX || hasControlCharacters(value)) {
      throw new StewardError('invalid-argument', `${field} has an unusable value for "${key}"`);
    }
  }
  return entries;
}
