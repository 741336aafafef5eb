import { pipeline, Readable, Transform } from 'node:stream';
import { StewardError, toStewardError } from '../errors/steward-error.js';
import type { ProcessExit, RunningProcess } from '../gateways/processes.js';
import type { World } from '../gateways/world.js';
import { confine } from '../isolation/confine.js';
import { type Compression, listen } from './archive.js';
import { MAGIC_BYTES, QUOTA_HEADROOM_BYTES, QUOTA_HEADROOM_SHARE } from './bounds.js';
import { compressionOf, decompressor } from './compression.js';
import { type Digest, isSameDigest, Meter } from './digest.js';
import { isEmptyFolder } from './folder-entries.js';
import { describeExit, noMemory, notStarted, PROGRAM_ENVIRONMENT } from './program.js';
import { unpackArguments } from './tar-arguments.js';
import { TarMessages } from './tar-messages.js';
import type { ContentUser } from './user.js';

export interface UnpackOptions {
  readonly signal: AbortSignal;
  /** Set when we are root: owners are restored then. */
  readonly user: ContentUser | undefined;
  /** An increment goes over what its chain has restored so far; default a full archive, into an empty folder. */
  readonly kind?: 'full' | 'increment';
  /** Bytes of the tar stream, where they are known. */
  readonly contentBytes?: number;
  /** What the archive must be; absent for archives of others, which come without a manifest. */
  readonly expected?: Digest;
  /** Bytes the workspace may hold; 0 or absent for no limit. For archives of others, never for one's own backup. */
  readonly quotaBytes?: number;
  readonly onBytes?: (sizeBytes: number) => void;
  /** Gets the tar stream as it is unpacked; what it throws ends that. */
  readonly onPlain?: (chunk: Buffer) => void;
}

/**
 * Unpacks an archive into an empty folder while it arrives, and returns what it was. An increment needs the folder
 * its chain has made, and removes what was not there any more: only for archives that a manifest of ours names. Names that are absolute are
 * taken relative to the folder, names and hard links with `..` are refused, and links that lead out are created
 * last, so nothing is ever written through them (GNU tar's own rules). Fails with `archive-damaged` when the
 * bytes are not the expected ones or are no whole archive, and then the folder's state says nothing.
 */
export async function unpackArchive(
  world: World,
  source: Readable,
  folder: string,
  options: UnpackOptions,
): Promise<Digest> {
  if (options.kind !== 'increment') await requireEmpty(world, folder);
  const meter = new Meter();
  const failure = await extract(world, metering(source, meter, options), folder, options).then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  options.signal.throwIfAborted();
  // Of more than may be here nothing more is wanted, whatever its digest.
  if (failure?.error instanceof StewardError && failure.error.code === 'quota-exceeded') throw failure.error;
  await drain(source, meter, options);
  const digest = meter.finish();
  if (options.expected !== undefined && !isSameDigest(digest, options.expected)) {
    throw new StewardError('archive-damaged', mismatch(digest, options.expected));
  }
  if (failure !== undefined) throw failure.error;
  return digest;
}

/** Fails with `content-initialization-failed` when anything is in the folder. */
export async function requireEmpty(world: World, folder: string): Promise<void> {
  if (await isEmptyFolder(world.files, folder)) return;
  throw new StewardError('content-initialization-failed', 'the folder to restore into is not empty');
}

/** Stops without harm to the source when tar has had enough (an archive padded past its end). */
async function* metering(source: Readable, meter: Meter, options: UnpackOptions): AsyncGenerator<Buffer> {
  for await (const chunk of source.iterator({ destroyOnReturn: false })) {
    meter.take(chunk);
    options.onBytes?.(meter.sizeBytes);
    yield chunk;
  }
}

/** Takes in what tar did not want, because it counts for the digest. */
async function drain(source: Readable, meter: Meter, options: UnpackOptions): Promise<void> {
  if (source.errored) throw source.errored;
  if (source.readableEnded) return;
  for await (const _ of metering(source, meter, options)) options.signal.throwIfAborted();
}

async function extract(
  world: World,
  bytes: AsyncGenerator<Buffer>,
  folder: string,
  options: UnpackOptions,
): Promise<void> {
  const start = await startOf(bytes);
  const compression = compressionOf(start);
  if (compression === undefined) {
    await bytes.return(undefined);
    throw new StewardError('archive-damaged', 'the stored object is not an archive');
  }
  const hasZstd = compression === 'zstd' && (await world.processes.find('zstd')) !== undefined;
  const isSeen = (options.quotaBytes ?? 0) > 0 || options.onPlain !== undefined;
  const stored = Readable.from(joined(start, bytes), { objectMode: false });
  // What is counted or looked at has to pass through here unpacked; else tar has the program for that itself.
  const isZstd = hasZstd && !isSeen;
  const command = {
    program: 'tar',
    args: unpackArguments({ ...options, folder, kind: options.kind ?? 'full', isZstd }),
    env: PROGRAM_ENVIRONMENT,
    input: isSeen
      ? seen(await unzipped(world, stored, compression, folder, hasZstd, options), options)
      : plainBytes(stored, isZstd ? 'none' : compression),
    signal: options.signal,
  };
  // Device nodes are brought by archives of our own only.
  const keeps = options.expected === undefined ? 'owners' : 'devices';
  const tar = world.processes.start(await confine(world, command, { writable: folder, keeps }));
  tar.stdout.resume();
  const messages = new TarMessages();
  await listen(tar, messages);
  judge(await tar.exit, messages, options);
}

/** By the zstd program where there is one: as the content's user, who has no rights here. */
async function unzipped(
  world: World,
  stored: Readable,
  compression: Compression,
  folder: string,
  hasZstd: boolean,
  { signal, user }: UnpackOptions,
): Promise<Readable> {
  if (compression !== 'zstd' || !hasZstd) return plainBytes(stored, compression);
  const owner = user === undefined ? {} : { uid: user.uid, gid: user.gid };
  const args = ['--decompress', '--quiet', '--stdout'];
  const command = { program: 'zstd', args, env: PROGRAM_ENVIRONMENT, input: stored, signal, ...owner };
  const zstd = world.processes.start(await confine(world, command, { writable: folder }));
  return Readable.from(outputOf(zstd), { objectMode: false });
}

async function* outputOf(zstd: RunningProcess): AsyncGenerator<Buffer> {
  try {
    const messages = new TarMessages();
    const listening = listen(zstd, messages);
    yield* zstd.stdout;
    await listening;
    const exit = await zstd.exit;
    if (exit.kind === 'code' && exit.code === 0) return;
    if (messages.lacksMemory) throw noMemory('the archive', messages.complaint());
    throw new StewardError(
      'archive-damaged',
      `the archive could not be decompressed: zstd ${describeExit(exit)}`,
    );
  } finally {
    zstd.kill('SIGKILL');
  }
}

/** Ends what unpacks to more than the workspace may hold; names and times of the entries count a little too. */
function seen(plain: Readable, { quotaBytes = 0, onPlain }: UnpackOptions): Readable {
  const limit = quotaBytes + Math.max(QUOTA_HEADROOM_BYTES, quotaBytes * QUOTA_HEADROOM_SHARE);
  let sizeBytes = 0;
  const passing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sizeBytes += chunk.length;
      if (quotaBytes > 0 && sizeBytes > limit) {
        const text = `the archive unpacks to more than the ${quotaBytes} bytes this workspace may hold`;
        return done(new StewardError('quota-exceeded', text));
      }
      try {
        onPlain?.(chunk);
        return done(null, chunk);
      } catch (error) {
        return done(toStewardError(error));
      }
    },
  });
  return pipeline(plain, passing, () => undefined);
}

function plainBytes(input: Readable, compression: Compression): Readable {
  const undo = decompressor(compression);
  return undo === undefined ? input : pipeline(input, undo, () => undefined);
}

/** At least as much of the beginning as it takes to know what it is, unless there is no more. */
async function startOf(bytes: AsyncGenerator<Buffer>): Promise<Buffer> {
  let start = Buffer.alloc(0);
  while (start.length < MAGIC_BYTES) {
    const { value, done } = await bytes.next();
    if (done) break;
    start = Buffer.concat([start, value]);
  }
  return start;
}

async function* joined(start: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield start;
  yield* rest;
}

function judge(exit: ProcessExit, messages: TarMessages, options: UnpackOptions): void {
  options.signal.throwIfAborted();
  // Whatever ended without telling what it read has not done tar's work, whatever its exit says.
  const { totalBytes } = messages;
  const isAll = totalBytes !== undefined && totalBytes === (options.contentBytes ?? totalBytes);
  if (exit.kind === 'code' && exit.code === 0 && isAll) return;
  if (exit.kind === 'failed' && exit.error instanceof StewardError) throw exit.error;
  const unstarted = notStarted('tar', exit);
  if (unstarted?.code === 'missing-tool') throw unstarted;
  const why = messages.complaint() || `tar ${describeExit(exit)}`;
  if (messages.lacksRoom) {
    throw new StewardError('disk-full', `the disk of the content is full: ${why}`);
  }
  if (messages.lacksMemory) throw noMemory('the archive', why);
  throw new StewardError('archive-damaged', `the archive could not be unpacked completely: ${why}`);
}

function mismatch(found: Digest, expected: Digest): string {
  return found.sizeBytes === expected.sizeBytes
    ? 'the stored archive does not match its SHA-256'
    : `the stored archive has ${found.sizeBytes} bytes instead of ${expected.sizeBytes}`;
}
