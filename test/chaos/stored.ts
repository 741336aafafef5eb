import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fingerprint } from './fingerprint.js';

const run = promisify(execFile);

interface StoredPart {
  readonly archive: string;
  readonly compression: string;
}

/**
 * Reads backups in a storage folder as an administrator would without any code of ours: JSON, and tar for every
 * part of a chain in turn.
 */
export class StoredBackups {
  readonly #objects: string;
  readonly #scratch: string;

  constructor(storage: string, scratch: string) {
    this.#objects = join(storage, 'objects');
    this.#scratch = scratch;
  }

  /** Names of the committed backups of a workspace, oldest first. */
  async backups(owner: string, workspace: string): Promise<readonly string[]> {
    const folder = `${owner}/workspaces/${workspace}/backups`;
    const names = await readdir(join(this.#objects, folder)).catch(() => []);
    return names
      .filter((name) => name.endsWith('.manifest.json'))
      .sort()
      .map((name) => `${folder}/${name}`);
  }

  /** The manifest behind what a caller was given: `<key>@<bucket>`. */
  manifestOf(url: string): string {
    const key = url.slice(0, url.lastIndexOf('@'));
    if (key.endsWith('.manifest.json')) return key;
    const [folder, name] = [key.slice(0, key.lastIndexOf('/')), key.slice(key.lastIndexOf('/') + 1)];
    return /^\d+$/.test(name) ? `${folder}/${name.padStart(12, '0')}.manifest.json` : `${key}.manifest.json`;
  }

  /** What a manifest restores, as a fingerprint. */
  async restored(manifest: string): Promise<readonly string[]> {
    await mkdir(this.#scratch, { recursive: true });
    const folder = await mkdtemp(join(this.#scratch, 'restored-'));
    try {
      for (const part of await this.#parts(manifest)) await this.#unpack(part, folder);
      return await fingerprint(folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Names of all objects that nothing committed needs. */
  async orphans(): Promise<readonly string[]> {
    const entries = await readdir(this.#objects, { recursive: true, withFileTypes: true }).catch(() => []);
    const names = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(this.#objects.length + 1));
    const needed = new Set<string>();
    for (const name of names.filter((one) => one.endsWith('.manifest.json'))) {
      needed.add(name);
      for (const { archive } of await this.#parts(name)) needed.add(archive);
    }
    return names.filter((name) => !needed.has(name));
  }

  async #parts(name: string): Promise<readonly StoredPart[]> {
    const { manifest } = JSON.parse(await readFile(join(this.#objects, name), 'utf8'));
    return manifest.parts ?? [manifest];
  }

  async #unpack({ archive, compression }: StoredPart, folder: string): Promise<void> {
    const decompress = { zstd: ['--zstd'], gzip: ['--gzip'] }[compression] ?? [];
    await run('tar', [
      '--extract',
      ...decompress,
      `--file=${join(this.#objects, archive)}`,
      '--listed-incremental=/dev/null',
      '--numeric-owner',
      '--preserve-permissions',
      `--directory=${folder}`,
    ]);
  }
}
