import type { Progress } from '../../../content/archive-objects.js';
import { type BackupManifest, digestOf } from '../../../content/manifest.js';
import type { TransferProgress } from '../../../gen/steward/v1/backup.js';

/** Turns what is said of one archive after the other into one progress over all of a version. */
export class Transfer {
  readonly #object: string;
  readonly #totalBytes: number;
  readonly #tell: (progress: TransferProgress) => void;
  #step = '';
  #before = 0;
  #bytes = 0;

  constructor(url: string, manifest: BackupManifest, tell: (progress: TransferProgress) => void) {
    this.#object = url;
    this.#totalBytes = digestOf(manifest).sizeBytes;
    this.#tell = tell;
  }

  queued(): void {
    this.#say('queued', 0);
  }

  copying(): void {
    this.#say('copying', this.#totalBytes);
  }

  on({ step, bytes }: Progress): void {
    if (step !== this.#step) {
      this.#step = step;
      this.#before = 0;
    } else if (bytes < this.#bytes) this.#before += this.#bytes;
    this.#bytes = bytes;
    this.#say(step, this.#before + bytes);
  }

  #say(step: string, bytes: number): void {
    const doneBytes = BigInt(Math.min(bytes, this.#totalBytes));
    this.#tell({ object: this.#object, doneBytes, totalBytes: BigInt(this.#totalBytes), step });
  }
}
