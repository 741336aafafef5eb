import { pipeline, type Readable, Transform } from 'node:stream';
import { constants, createGzip } from 'node:zlib';
import { StewardError, toStewardError } from '../errors/steward-error.js';
import type { Files } from '../gateways/files.js';
import type { ProcessExit, RunningProcess } from '../gateways/processes.js';
import type { World } from '../gateways/world.js';
import type { Exclude } from './exclude.js';
import { describeExit, notStarted, PROGRAM_ENVIRONMENT } from './program.js';
import { packArguments } from './tar-arguments.js';
import { type ArchiveReport, TarMessages } from './tar-messages.js';

export type Compression = 'zstd' | 'gzip' | 'none';

/** An archive on its way. */
export interface Packing {
  readonly compression: Compression;
  /**
   * The archive's bytes. Ends only when all of the content is in them; fails with `backup-failed` when something
   * could not be read. Destroying it ends the programs.
   */
  readonly body: Readable;
  /** What went in; complete once `body` has ended. */
  report(): ArchiveReport;
  /** Resolves once no program of ours reads the folder any more. */
  readonly ended: Promise<unknown>;
}

export interface PackOptions {
  readonly signal: AbortSignal;
  /** Makes an increment, or with an empty one a full archive that increments can follow; see `packArguments`. */
  readonly listing?: string;
  readonly excludes?: readonly Exclude[];
  /** As other tools want it: not compressed. */
  readonly isPlain?: boolean;
}

/**
 * Packs a folder: GNU tar in pax format with numeric owners, xattrs, ACLs and holes, through zstd when there is
 * one, else gzip, unless it is to be plain. Nothing is staged. Access and change times stay out: no restore can bring them back.
 */
export async function packFolder(world: World, folder: string, options: PackOptions): Promise<Packing> {
  const { signal, listing, excludes = [], isPlain = false } = options;
  const names = listing === undefined ? {} : { names: `${listing}-names` };
  const isZstd = !isPlain && (await world.processes.find('zstd')) !== undefined;
  const tar = world.processes.start({
    program: 'tar',
    args: packArguments({
      folder,
      excludes,
      isZstd,
      ...(listing === undefined ? {} : { listing }),
      ...names,
    }),
    env: PROGRAM_ENVIRONMENT,
    signal,
  });
  const messages = new TarMessages();
  const packed = pipeline(tar.stdout, judging(world, tar, { ...names, messages, signal }), () => undefined);
  packed.once('close', () => tar.kill('SIGKILL'));
  const report = () => messages.report();
  const ended = tar.exit;
  if (isZstd) return { compression: 'zstd', body: packed, report, ended };
  if (isPlain) return { compression: 'none', body: packed, report, ended };
  const gzip = createGzip({ level: constants.Z_BEST_SPEED });
  return { compression: 'gzip', body: pipeline(packed, gzip, () => undefined), report, ended };
}

interface Judging {
  readonly messages: TarMessages;
  /** Where tar leaves the names; they come among its messages without it. */
  readonly names?: string;
  readonly signal: AbortSignal;
}

/** Passes everything on, and ends well only when tar has. */
function judging({ files }: World, tar: RunningProcess, { messages, names, signal }: Judging): Transform {
  const listening = listen(tar, messages);
  const judge = async () => {
    await listening;
    const exit = await tar.exit;
    signal.throwIfAborted();
    if (names !== undefined) await takeNames(files, names, messages);
    const unstarted = notStarted('tar', exit);
    if (unstarted !== undefined) throw unstarted;
    // Even an empty folder is an entry: without one, what came was not from tar.
    if (hasReadAll(exit, messages) && messages.report().entries > 0) return;
    const why = messages.complaint() || `tar ${describeExit(exit)}`;
    throw new StewardError('backup-failed', `the content could not be read completely: ${why}`);
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      done(null, chunk);
    },
    flush(done) {
      judge().then(
        () => done(),
        (error: Error) => done(error),
      );
    },
  });
}

/** 1 is tar's word for files that changed meanwhile, 2 that for folders that went; the report names them. */
function hasReadAll(exit: ProcessExit, messages: TarMessages): boolean {
  if (exit.kind !== 'code') return false;
  return exit.code <= 1 || (exit.code === 2 && messages.missesOnlyVanished);
}

/**
 * tar says each line by itself, and each would wake us: through a file they cost a tenth. Not there when tar could not
 * run; what stays behind goes with the next listing.
 */
async function takeNames(files: Files, path: string, messages: TarMessages): Promise<void> {
  try {
    if ((await files.stat(path))?.kind !== 'file') return;
    for await (const chunk of files.openRead(path)) messages.takeChunk(chunk);
    messages.finish();
  } catch (error) {
    throw toStewardError(error, 'backup-failed');
  }
  await files.remove(path).catch(() => undefined);
}

/** Never rejects: broken messages show in the exit. */
export async function listen(tar: RunningProcess, messages: TarMessages): Promise<void> {
  try {
    for await (const chunk of tar.stderr) messages.takeChunk(chunk);
    messages.finish();
  } catch {
    tar.kill('SIGKILL');
  }
}
