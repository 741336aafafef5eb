import { pipeline, Readable } from 'node:stream';
import { constants, createGzip } from 'node:zlib';
import { StewardError } from '../errors/steward-error.js';
import type { RunningProcess } from '../gateways/processes.js';
import type { World } from '../gateways/world.js';
import { recordsOf } from './lines.js';
import { describeExit, notStarted, PROGRAM_ENVIRONMENT } from './program.js';
import { READY_MARKER, READY_MARKER_TEMPORARY } from './ready-marker.js';
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

/**
 * Packs a folder: GNU tar in pax format with numeric owners, xattrs, ACLs and holes, through zstd when there is
 * one, else gzip. Nothing is staged. Access and change times stay out: no restore can bring them back.
 */
export async function packFolder(world: World, folder: string, signal: AbortSignal): Promise<Packing> {
  const zstd = await world.processes.find('zstd');
  const tar = world.processes.start({
    program: 'tar',
    args: [...PACK_ARGUMENTS, ...(zstd === undefined ? [] : ZSTD_PACK), `--directory=${folder}`, '.'],
    env: PROGRAM_ENVIRONMENT,
    signal,
  });
  const messages = new TarMessages();
  const packed = Readable.from(packedBytes(tar, messages, signal), { objectMode: false });
  packed.once('close', () => tar.kill('SIGKILL'));
  const report = () => messages.report();
  const ended = tar.exit;
  if (zstd !== undefined) return { compression: 'zstd', body: packed, report, ended };
  const gzip = createGzip({ level: constants.Z_BEST_SPEED });
  return { compression: 'gzip', body: pipeline(packed, gzip, () => undefined), report, ended };
}

const PACK_ARGUMENTS = [
  '--create',
  '--file=-',
  '--format=pax',
  '--pax-option=delete=atime,delete=ctime',
  '--numeric-owner',
  '--xattrs',
  '--xattrs-include=*',
  '--xattrs-exclude=trusted.*',
  '--acls',
  '--sparse',
  '--quoting-style=c',
  '--verbose',
  '--totals',
  '--anchored',
  '--no-wildcards',
  `--exclude=./${READY_MARKER}`,
  `--exclude=./${READY_MARKER_TEMPORARY}`,
] as const;

const ZSTD_PACK = ['--use-compress-program=zstd -q -1 -T0'] as const;

async function* packedBytes(
  tar: RunningProcess,
  messages: TarMessages,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const listening = listen(tar, messages);
  yield* tar.stdout;
  await listening;
  const exit = await tar.exit;
  signal.throwIfAborted();
  const unstarted = notStarted('tar', exit);
  if (unstarted !== undefined) throw unstarted;
  // 1 is tar's word for files that changed meanwhile; the report names them. Anything else left something out.
  // Even an empty folder is an entry: without one, what came was not from tar.
  if (exit.kind === 'code' && exit.code <= 1 && messages.report().entries > 0) return;
  const why = messages.complaint() || `tar ${describeExit(exit)}`;
  throw new StewardError('backup-failed', `the content could not be read completely: ${why}`);
}

/** Never rejects: broken messages show in the exit. */
export async function listen(tar: RunningProcess, messages: TarMessages): Promise<void> {
  try {
    for await (const line of recordsOf(tar.stderr)) messages.take(line);
  } catch {
    tar.kill('SIGKILL');
  }
}
