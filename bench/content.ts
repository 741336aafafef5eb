import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { isInstanceId, isOwnerId, isWorkspaceId } from '../machines/ids.js';
import { type BackupPolicy, DEFAULT_BACKUP_POLICY } from '../src/content/backup-policy.js';
import { BackupRepository } from '../src/content/backups.js';
import { realWorld } from '../src/gateways/real/world.js';
import { DirectoryStorage } from '../src/storage/directory.js';
import { type Contestant, interleaved } from './interleaved.js';
import type { Measuring } from './measuring.js';
import { Restic } from './restic.js';
import { compared, mebibytes, median, notMeasured, type Row } from './row.js';
import { shell } from './shell.js';
import { GeneratedWorkspace } from './workspace.js';

const BACKUP_ROUNDS = 3;
const RESTORE_ROUNDS = 3;
const INCREMENT_ROUNDS = 5;
const CHANGED_FILES = 200;

/**
 * Backups (packed, stored durably, read back, committed) and restores of one workspace, beside the pipe of tar and
 * zstd that does the same without any of that, and beside restic.
 */
export async function benchContent(measuring: Measuring): Promise<readonly Row[]> {
  const folder = measuring.newFolder();
  const bench = new ContentBench(
    folder,
    new GeneratedWorkspace(join(folder, 'content'), measuring.workspace),
  );
  bench.content.generate();
  return [
    ...(await bench.fullBackups()),
    ...(await bench.increments()),
    ...(await bench.unchanged()),
    ...(await bench.restores()),
    ...(await bench.afterRestore()),
  ];
}

class ContentBench {
  readonly content: GeneratedWorkspace;
  readonly #folder: string;
  readonly #archive: string;
  readonly #listing: string;
  readonly #storage: DirectoryStorage;
  readonly #restic: Restic;
  readonly #signal = new AbortController().signal;
  /** The workspace whose chain goes on; each full backup is the first of a new one. */
  #backups: BackupRepository;
  #chains = 0;
  #generation = 0;
  /** Where the next restore goes. */
  #target = '';
  #targets = 0;
  #plainIncrementMs = 0;

  constructor(folder: string, content: GeneratedWorkspace) {
    this.content = content;
    this.#folder = folder;
    this.#archive = join(folder, 'plain.tar.zst');
    this.#listing = join(folder, 'plain.listing');
    this.#storage = new DirectoryStorage(realWorld(), {
      bucket: 'bench',
      folder: join(folder, 'storage'),
      witness: join(folder, 'witness'),
    });
    this.#restic = new Restic(folder);
    this.#backups = this.#newChain();
  }

  async fullBackups(): Promise<readonly Row[]> {
    const ms = await interleaved(BACKUP_ROUNDS, [
      {
        name: 'ours',
        before: () => {
          this.#settle();
          this.#backups = this.#newChain();
        },
        run: () => this.#create(this.content.folder),
      },
      { name: 'pipe', before: () => this.#settle(), run: () => this.#plainFull() },
      ...this.#resticDoes({
        before: () => {
          this.#settle();
          this.#restic.startOver();
        },
        run: () => this.#restic.backup(this.content.folder),
      }),
    ]);
    return this.#rows('full backup', ms, 'tar | zstd -1; sync -f', 1.3, 1);
  }

  async increments(): Promise<readonly Row[]> {
    const stored: number[] = [];
    this.#plainIncrement();
    const ms = await interleaved(INCREMENT_ROUNDS, [
      {
        name: 'ours',
        before: () => this.#change(),
        run: async () => {
          const { manifest } = await this.#create(this.content.folder);
          stored.push(manifest.change?.storedBytes ?? Number.NaN);
        },
      },
      { name: 'pipe', before: () => this.#change(), run: () => this.#plainIncrement() },
      ...this.#resticDoes({
        before: () => this.#change(),
        run: () => this.#restic.backup(this.content.folder),
      }),
    ]);
    const changedBytes = this.#bytesOfChanged();
    this.#plainIncrementMs = ms.pipe;
    const storedBytes = median(stored);
    return [
      ...this.#rows(`increment, ${CHANGED_FILES} files changed`, ms, `tar -g | zstd -1; sync -f`, 3, 0.2),
      {
        what: 'bytes stored for it',
        ours: mebibytes(storedBytes),
        against: `${mebibytes(changedBytes)} (the changed files)`,
        result: `${(storedBytes / changedBytes).toFixed(2)} ×`,
        target: '≤ 1.5 ×',
        isMet: storedBytes <= 1.5 * changedBytes,
      },
    ];
  }

  async unchanged(): Promise<readonly Row[]> {
    await this.#create(this.content.folder);
    const before = await this.#objects();
    const ms = await interleaved(INCREMENT_ROUNDS, [
      { name: 'ours', run: () => this.#create(this.content.folder) },
      { name: 'pipe', run: () => this.#plainIncrement() },
    ]);
    const written = (await this.#objects()) - before;
    return [
      {
        ...compared('backup of an unchanged workspace', ms.ours, {
          ms: ms.pipe,
          name: 'tar -g | zstd -1; sync -f',
        }),
        result: `${written} objects written`,
        target: '0 objects',
        isMet: written === 0,
      },
    ];
  }

  async restores(): Promise<readonly Row[]> {
    this.#plainFull();
    this.#backups = this.#newChain();
    await this.#create(this.content.folder);
    const ms = await interleaved(RESTORE_ROUNDS, [
      { name: 'ours', before: () => this.#newTarget(), run: () => this.#restore() },
      {
        name: 'pipe',
        before: () => this.#newTarget(),
        run: () => shell('zstd -q -dc "$0" | tar -C "$1" -xf -', this.#archive, this.#target),
      },
    ]);
    const restic: Record<string, number> = {};
    if (this.#restic.version !== undefined) {
      // Once is enough to see which is ahead; it takes the longest.
      Object.assign(
        restic,
        await interleaved(
          1,
          this.#resticDoes({
            before: () => this.#newTarget(),
            run: () => this.#restic.restore(this.#target),
          }),
        ),
      );
    }
    return this.#rows('full restore', { ...ms, ...restic }, 'zstd -d | tar -x', 1.3, 1);
  }

  /** A restore gives every file a new inode and a new time of change; its first backup is an increment all the same. */
  async afterRestore(): Promise<readonly Row[]> {
    this.#newTarget();
    const manifest = await this.#restore();
    shell('sync -f "$0"', this.#target);
    const chain = this.#chain();
    const start = performance.now();
    await this.#backups.seed(this.#target, chain, manifest, {
      instance: INSTANCE,
      excludes: [],
      signal: this.#signal,
    });
    const seedMs = performance.now() - start;
    this.content.change(CHANGED_FILES, this.#target);
    const before = performance.now();
    const outcome = await this.#create(this.#target, chain);
    const ms = performance.now() - before;
    const row = compared(
      `first backup after a restore, ${CHANGED_FILES} files changed`,
      ms,
      { ms: this.#plainIncrementMs, name: 'tar -g | zstd -1; sync -f' },
      3,
    );
    const isIncrement = outcome.kind === 'committed' && outcome.fullBecause === undefined;
    return [
      { ...row, result: isIncrement ? row.result : 'full', isMet: isIncrement && row.isMet === true },
      {
        what: 'listing made at the end of the restore for it',
        ...{ ours: `${seedMs.toFixed(0)} ms`, against: '–', result: '–', target: '–', isMet: undefined },
      },
    ];
  }

  #rows(
    what: string,
    ms: Readonly<Record<string, number>>,
    pipe: string,
    mostOfPipe: number,
    mostOfRestic: number,
  ): readonly Row[] {
    const { ours = Number.NaN, pipe: pipeMs = Number.NaN, restic } = ms;
    const row = compared(what, ours, { ms: pipeMs, name: pipe }, mostOfPipe);
    if (restic === undefined) return [row, notMeasured(`${what}, restic`, 'restic is not installed')];
    return [row, compared(`${what}, restic`, ours, { ms: restic, name: this.#restic.name }, mostOfRestic)];
  }

  #resticDoes(what: Omit<Contestant, 'name'>): readonly (Contestant & { readonly name: 'restic' })[] {
    return this.#restic.version === undefined ? [] : [{ name: 'restic', ...what }];
  }

  async #create(folder: string, chain = this.#chain()) {
    const outcome = await this.#backups.create(folder, {
      instance: INSTANCE,
      chain,
      policy: POLICY,
      signal: this.#signal,
    });
    this.#generation = outcome.manifest.generation;
    return outcome;
  }

  async #restore() {
    const manifest = await this.#backups.read(this.#generation, this.#signal);
    await this.#backups.restore(manifest, this.#target, { signal: this.#signal });
    return manifest;
  }

  /** What a script would do. */
  #plainFull(): void {
    const script = 'tar -C "$0" -cf - . | zstd -q -1 > "$1"; sync -f "$1"';
    shell(script, this.content.folder, this.#archive);
  }

  /** What changed since the call before. */
  #plainIncrement(): void {
    const script = 'tar -C "$0" --listed-incremental="$1" -cf - . | zstd -q -1 > "$2"; sync -f "$2"';
    shell(script, this.content.folder, this.#listing, `${this.#archive}.more`);
  }

  #change(): void {
    this.content.change(CHANGED_FILES);
    shell('sync -f "$0"', this.content.folder);
  }

  /** Of the files one round changes: an increment holds each of them as a whole. */
  #bytesOfChanged(): number {
    const { bytes, files } = this.content.size;
    return (bytes / files) * CHANGED_FILES;
  }

  async #objects(): Promise<number> {
    let count = 0;
    for await (const _ of this.#storage.list('bench/', this.#signal)) count += 1;
    return count;
  }

  #newChain(): BackupRepository {
    this.#chains += 1;
    const user = process.getuid?.() === 0 ? { uid: 0, gid: 0 } : undefined;
    const workspace = checked(`bench-${this.#chains}`, isWorkspaceId);
    return new BackupRepository({ world: realWorld(), storage: this.#storage, user }, OWNER, workspace);
  }

  #chain(): string {
    return join(this.#folder, `chain-${this.#chains}`);
  }

  #newTarget(): void {
    this.#targets += 1;
    this.#target = join(this.#folder, `target-${this.#targets}`);
    mkdirSync(this.#target);
    this.#settle();
  }

  /** Nothing left to be written by the run before. */
  #settle(): void {
    shell('sync -f "$0"', this.#folder);
  }
}

/** Increments as long as the bench goes on. */
const POLICY: BackupPolicy = {
  ...DEFAULT_BACKUP_POLICY,
  fullAfterIncrements: 1000,
  fullWhenIncrementsExceedShare: 1000,
};
const INSTANCE = checked('bench-1', isInstanceId);
const OWNER = checked('bench', isOwnerId);

function checked<Id extends string>(text: string, isId: (text: string) => text is string & Id): Id {
  if (!isId(text)) throw new Error(`${text} is no id`);
  return text;
}
