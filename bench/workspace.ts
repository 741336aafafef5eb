import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { shell } from './shell.js';

/** More than a compressor remembers. */
const NOISE_BYTES = 4_000_000;
const FILES_PER_FOLDER = 28;

export interface WorkspaceSize {
  readonly files: number;
  readonly bytes: number;
}

/** A workspace as sources are: words with some noise, in files whose sizes spread. The same on every run. */
export class GeneratedWorkspace {
  readonly folder: string;
  readonly size: WorkspaceSize;
  readonly #text = noise();
  #changes = 0;

  constructor(folder: string, size: WorkspaceSize) {
    this.folder = folder;
    this.size = size;
  }

  generate(): void {
    const { files, bytes } = this.size;
    const folders = Math.max(1, Math.round(files / FILES_PER_FOLDER));
    for (let index = 0; index < files; index += 1) {
      const path = this.#pathOf(index);
      if (index < folders) mkdirSync(join(path, '..'), { recursive: true });
      const uniform = fractionOf(`size ${index}`);
      const size = Math.floor((bytes / files) * -Math.log(1 - uniform * 0.999));
      const start = Math.floor(fractionOf(`start ${index}`) * (this.#text.length - size));
      writeFileSync(path, this.#text.subarray(start, start + size));
    }
    shell('sync -f "$0"', this.folder);
  }

  /** Adds to some files, others each time; `below` is the same workspace elsewhere. Answers with the bytes added. */
  change(count: number, below = this.folder): number {
    this.#changes += 1;
    const first = Math.floor(fractionOf(`change ${this.#changes}`) * this.size.files);
    let bytes = 0;
    for (let index = 0; index < count; index += 1) {
      const text = `change ${this.#changes} of file ${index}\n`;
      const file = (first + index * 197) % this.size.files;
      appendFileSync(this.#pathOf(file, below), text);
      bytes += text.length;
    }
    return bytes;
  }

  #pathOf(index: number, below = this.folder): string {
    const folders = Math.max(1, Math.round(this.size.files / FILES_PER_FOLDER));
    const folder = index % folders;
    return join(below, `area-${folder % 200}`, `part-${Math.floor(folder / 200)}`, `file-${index}.txt`);
  }
}

/** The same numbers on every run. */
function fractionOf(seed: string): number {
  return createHash('sha256').update(seed).digest().readUInt32BE(0) / 2 ** 32;
}

function noise(): Buffer {
  const hashes = Array.from({ length: 400 }, (_, index) =>
    createHash('sha256').update(`${index}`).digest('base64'),
  );
  const text = Buffer.alloc(NOISE_BYTES);
  for (let index = 0, at = 0; at < text.length; index += 1) {
    const hash = hashes[Math.floor(fractionOf(`word ${index}`) * hashes.length)] ?? '';
    at += text.write(`${hash.slice(0, 3 + (index % 9))} `, at);
  }
  return text;
}
