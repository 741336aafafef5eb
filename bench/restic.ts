import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { shellWith, versionOf } from './shell.js';

/** restic over a repository of its own in a local folder. It encrypts what it stores, which ours does not. */
export class Restic {
  readonly version = versionOf('restic', 'version')?.split(' ').slice(0, 2).join(' ');
  readonly #repository: string;
  readonly #environment: Readonly<Record<string, string>>;

  constructor(folder: string) {
    this.#repository = join(folder, 'restic');
    this.#environment = {
      RESTIC_REPOSITORY: this.#repository,
      RESTIC_PASSWORD: 'bench',
      RESTIC_CACHE_DIR: join(folder, 'restic-cache'),
    };
  }

  /** As rows call it. */
  get name(): string {
    return `${this.version}, encrypted`;
  }

  startOver(): void {
    rmSync(this.#repository, { recursive: true, force: true });
    shellWith(this.#environment, 'restic init --quiet');
  }

  backup(folder: string): void {
    shellWith(this.#environment, 'cd "$0" && restic backup --quiet .', folder);
  }

  restore(into: string): void {
    shellWith(this.#environment, 'restic restore latest --quiet --target "$0"', into);
  }
}
