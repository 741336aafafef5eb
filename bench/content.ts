import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isInstanceId, isOwnerId, isWorkspaceId } from '../machines/ids.js';
import { DEFAULT_BACKUP_POLICY } from '../src/content/backup-policy.js';
import { BackupRepository } from '../src/content/backups.js';
import { realWorld } from '../src/gateways/real/world.js';
import { DirectoryStorage } from '../src/storage/directory.js';

const FILES = 40_000;
const FOLDERS = 1_400;
const TOTAL_BYTES = 700_000_000;
/** More than a compressor remembers. */
const NOISE_BYTES = 4_000_000;
const MEMORY_SAMPLE_MS = 20;

export interface Comparison {
  readonly name: string;
  /** Medians of interleaved pairs, in milliseconds. */
  readonly oursMs: number;
  readonly baselineMs: number;
  readonly ratio: number;
  /** Largest resident memory of this process in any of our runs, above what it had before the first, in bytes. */
  readonly memoryBytes: number;
}

/**
 * A backup (packed, stored durably, read back, committed) against `tar | zstd -1 > file; sync -f file`, and its
 * restore against `zstd -dc file | tar -x`, on a generated workspace.
 */
export async function benchContent(pairs = 5): Promise<readonly Comparison[]> {
  const folder = mkdtempSync(join(tmpdir(), 'steward-bench-'));
  try {
    return await measure(new Bench(folder), pairs);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(bench: Bench, pairs: number): Promise<readonly Comparison[]> {
  bench.generate();
  const idleBytes = process.memoryUsage.rss();
  const backup = await interleaved('backup', pairs, idleBytes, bench, {
    ours: () => bench.backup(),
    baseline: () => bench.plainBackup(),
  });
  const restore = await interleaved('restore', pairs, idleBytes, bench, {
    ours: () => bench.restore(),
    baseline: () => bench.plainRestore(),
  });
  return [backup, restore];
}

class Bench {
  readonly #folder: string;
  readonly #content: string;
  readonly #archive: string;
  readonly #target: string;
  readonly #backups: BackupRepository;
  readonly #signal = new AbortController().signal;
  #generation = 0;

  constructor(folder: string) {
    this.#folder = folder;
    this.#content = join(folder, 'content');
    this.#archive = join(folder, 'plain.tar.zst');
    this.#target = join(folder, 'target');
    const world = realWorld();
    const root = join(folder, 'storage');
    const witness = join(folder, 'witness');
    const storage = new DirectoryStorage(world, { bucket: 'bench', folder: root, witness });
    const user = process.getuid?.() === 0 ? { uid: 0, gid: 0 } : undefined;
    this.#backups = new BackupRepository({ world, storage, user }, ...IDS);
  }

  /** Text of words, with some noise, in files whose sizes spread as those of sources do. */
  generate(): void {
    const text = noise();
    for (let index = 0; index < FILES; index += 1) {
      const below = join(this.#content, `area-${index % 200}`, `part-${index % 7}`);
      if (index < FOLDERS) mkdirSync(below, { recursive: true });
      const uniform = fractionOf(`size ${index}`);
      const size = Math.floor((TOTAL_BYTES / FILES) * -Math.log(1 - uniform * 0.999));
      const start = Math.floor(fractionOf(`start ${index}`) * (text.length - size));
      writeFileSync(join(below, `file-${index}.txt`), text.subarray(start, start + size));
    }
    shell('sync -f "$0"', this.#content);
  }

  async backup(): Promise<void> {
    const { manifest } = await this.#backups.create(this.#content, {
      instance: INSTANCE,
      chain: join(this.#folder, 'chain'),
      policy: DEFAULT_BACKUP_POLICY,
      signal: this.#signal,
    });
    this.#generation = manifest.generation;
  }

  plainBackup(): void {
    shell('tar -C "$0" -cf - . | zstd -q -1 > "$1"; sync -f "$1"', this.#content, this.#archive);
  }

  async restore(): Promise<void> {
    const manifest = await this.#backups.read(this.#generation, this.#signal);
    await this.#backups.restore(manifest, this.#target, { signal: this.#signal });
  }

  plainRestore(): void {
    shell('zstd -q -dc "$0" | tar -C "$1" -xf -', this.#archive, this.#target);
  }

  /** Not measured: a clean target, and nothing left to be written by the run before. */
  settle(): void {
    rmSync(this.#target, { recursive: true, force: true });
    mkdirSync(this.#target);
    shell('sync -f "$0"', this.#folder);
  }
}

const INSTANCE = checked('bench-1', isInstanceId);
const IDS = [checked('bench', isOwnerId), checked('bench', isWorkspaceId)] as const;

function checked<Id extends string>(text: string, isId: (text: string) => text is string & Id): Id {
  if (!isId(text)) throw new Error(`${text} is no id`);
  return text;
}

async function interleaved(
  name: string,
  pairs: number,
  idleBytes: number,
  bench: Bench,
  run: { readonly ours: () => Promise<void>; readonly baseline: () => void },
): Promise<Comparison> {
  const times = { ours: [] as number[], baseline: [] as number[] };
  let memoryBytes = 0;
  const runOurs = async () => {
    bench.settle();
    const sampling = setInterval(() => {
      memoryBytes = Math.max(memoryBytes, process.memoryUsage.rss() - idleBytes);
    }, MEMORY_SAMPLE_MS);
    const start = performance.now();
    await run.ours();
    times.ours.push(performance.now() - start);
    clearInterval(sampling);
  };
  const runBaseline = () => {
    bench.settle();
    const start = performance.now();
    run.baseline();
    times.baseline.push(performance.now() - start);
  };
  for (let pair = 0; pair < pairs; pair += 1) {
    // Each goes first as often as the other.
    if (pair % 2 === 0) runBaseline();
    await runOurs();
    if (pair % 2 === 1) runBaseline();
  }
  const oursMs = median(times.ours);
  const baselineMs = median(times.baseline);
  return { name, oursMs, baselineMs, ratio: oursMs / baselineMs, memoryBytes };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[sorted.length >> 1] ?? Number.NaN;
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

function shell(script: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync('sh', ['-c', script, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (status !== 0) throw new Error(`${script}: ${stderr}`);
}
