import { createHash, type Hash } from 'node:crypto';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { StewardError } from '../../errors/steward-error.js';
import { sleep } from '../../gateways/clock.js';
import { confine } from '../../isolation/confine.js';
import { recordsOf, Tail } from '../lines.js';
import { describeExit, notStarted, PROGRAM_ENVIRONMENT } from '../program.js';
import {
  DOWNLOAD_ATTEMPTS_MAX,
  DOWNLOAD_FILE_BYTES_MAX,
  DOWNLOAD_MISMATCHES_MAX,
  DOWNLOAD_PAUSE_MAX_MS,
  DOWNLOAD_PAUSE_MIN_MS,
} from './bounds.js';
import type { FileRequest } from './download-request.js';
import { bodyOf, open, shown } from './open-url.js';
import type { InitializeContext } from './plan.js';

/** What is fetched cannot go on from where it stopped, or is not what was asked for: all of it comes again. */
class StartAgain extends Error {}

/**
 * Streams a file from its server into a new file at `path`, written by the content's user. A transfer that breaks
 * off goes on where it stopped when the server says it still has the same file, else it begins again; the digest
 * is over all that is in the file. Fails with `download-failed`, or `quota-exceeded`, and may leave a part.
 */
export async function fetchFile(
  request: FileRequest,
  path: string,
  context: InitializeContext,
  allowance: Allowance,
): Promise<void> {
  const attempts = new Attempts(request, context);
  for (let mismatches = 0; ; ) {
    const transfer = new Transfer(request, context, allowance, attempts);
    let reason: unknown;
    try {
      await store(transfer, path, context);
      if (transfer.prove()) return;
      mismatches += 1;
      reason = new StartAgain('what comes does not have the digest that was asked for');
    } catch (error) {
      context.signal.throwIfAborted();
      if (!(error instanceof StartAgain)) throw error;
      reason = error;
    }
    if (mismatches >= DOWNLOAD_MISMATCHES_MAX) throw unfetched(request, reason);
    await context.world.files.remove(path);
    allowance.giveBack(transfer.sizeBytes);
    await attempts.next(reason);
  }
}

/** The bytes of one file, over as many answers as it takes. */
class Transfer {
  sizeBytes = 0;
  readonly #request: FileRequest;
  readonly #context: InitializeContext;
  readonly #allowance: Allowance;
  readonly #attempts: Attempts;
  readonly #hash: Hash;
  /** Names the very file the server has; without one nothing can be resumed. */
  #etag: string | undefined;

  constructor(request: FileRequest, context: InitializeContext, allowance: Allowance, attempts: Attempts) {
    this.#request = request;
    this.#context = context;
    this.#allowance = allowance;
    this.#attempts = attempts;
    this.#hash = createHash(request.digest.algorithm);
  }

  /** Whether what came is what was asked for: after the last byte, and once. */
  prove(): boolean {
    return this.#hash.digest('hex') === this.#request.digest.hex;
  }

  async *bytes(): AsyncGenerator<Buffer> {
    for (;;) {
      try {
        yield* this.#answer();
        return;
      } catch (error) {
        this.#context.signal.throwIfAborted();
        if (error instanceof StewardError || error instanceof StartAgain) throw error;
        if (this.sizeBytes > 0 && this.#etag === undefined) throw new StartAgain(reasonOf(error));
        await this.#attempts.next(error);
      }
    }
  }

  async *#answer(): AsyncGenerator<Buffer> {
    const { url } = this.#request;
    const isResuming = this.sizeBytes > 0 && this.#etag !== undefined;
    const headers: Record<string, string> = isResuming
      ? { range: `bytes=${this.sizeBytes}-`, 'if-range': this.#etag ?? '' }
      : {};
    const answer = await open(url, headers, this.#context);
    const from = isResuming && answer.status === 206 ? startOf(answer.headers['content-range']) : 0;
    if (from !== this.sizeBytes || answer.status === 416) {
      answer.body.destroy();
      throw new StartAgain('the server has another file now, or cannot go on with it');
    }
    if (answer.status !== 200 && !isResuming) {
      answer.body.destroy();
      throw new StewardError('download-failed', `${shown(url)} answered ${answer.status}`);
    }
    if (!isResuming) this.#etag = strong(answer.headers['etag']);
    const total = this.sizeBytes + Number(answer.headers['content-length'] ?? 0);
    for await (const chunk of bodyOf(answer, this.#context)) {
      this.sizeBytes += chunk.length;
      this.#allowance.take(chunk.length, this.sizeBytes);
      this.#hash.update(chunk);
      this.#tell(total);
      yield chunk;
    }
  }

  #tell(total: number): void {
    const { onProgress } = this.#context;
    const percent = total > 0 ? Math.min(100, Math.floor((this.sizeBytes / total) * 100)) : undefined;
    const bytes = this.#allowance.usedBytes;
    onProgress?.({ step: 'downloading', bytes, ...(percent === undefined ? {} : { percent }) });
  }
}

/** Writes as the content's user, who can reach nothing but the content. */
async function store(transfer: Transfer, path: string, context: InitializeContext): Promise<void> {
  const { folder, signal, user, world } = context;
  const command = {
    program: 'dd',
    args: [`of=${path}`, 'bs=1M', 'iflag=fullblock', 'conv=excl,fsync', 'status=none'],
    env: PROGRAM_ENVIRONMENT,
    cwd: dirname(path),
    signal,
    input: Readable.from(transfer.bytes(), { objectMode: false }),
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
  };
  const dd = world.processes.start(await confine(world, command, { writable: folder }));
  dd.stdout.resume();
  const tail = new Tail();
  for await (const line of recordsOf(dd.stderr)) tail.add(line);
  const exit = await dd.exit;
  signal.throwIfAborted();
  if (exit.kind === 'code' && exit.code === 0) return;
  if (exit.kind === 'failed' && (exit.error instanceof StartAgain || exit.error instanceof StewardError)) {
    throw exit.error;
  }
  const why = tail.toString() || `dd ${describeExit(exit)}`;
  if (tail.lacksRoom) throw new StewardError('disk-full', why);
  throw notStarted('dd', exit) ?? new StewardError('process-failed', why);
}

/** Tries of one file, counted however they end. */
class Attempts {
  readonly #request: FileRequest;
  readonly #context: InitializeContext;
  #count = 1;

  constructor(request: FileRequest, context: InitializeContext) {
    this.#request = request;
    this.#context = context;
  }

  /** Waits for the next one; fails with `download-failed` when there is none. */
  async next(reason: unknown): Promise<void> {
    const { signal, world } = this.#context;
    signal.throwIfAborted();
    if (this.#count >= DOWNLOAD_ATTEMPTS_MAX) throw unfetched(this.#request, reason);
    const pause = Math.min(DOWNLOAD_PAUSE_MAX_MS, DOWNLOAD_PAUSE_MIN_MS * 2 ** (this.#count - 1));
    this.#count += 1;
    await sleep(world.clock, pause * (0.5 + world.random.fraction() / 2), signal);
  }
}

/** Bytes that may still come, over all files of one download. */
export class Allowance {
  usedBytes = 0;
  readonly #quotaBytes: number;

  constructor({ quotaBytes = 0 }: Pick<InitializeContext, 'quotaBytes'>) {
    this.#quotaBytes = quotaBytes;
  }

  take(bytes: number, ofFile: number): void {
    this.usedBytes += bytes;
    if (this.#quotaBytes > 0 && this.usedBytes > this.#quotaBytes) {
      const text = `the download has more than the ${this.#quotaBytes} bytes this workspace may hold`;
      throw new StewardError('quota-exceeded', text);
    }
    if (ofFile <= DOWNLOAD_FILE_BYTES_MAX) return;
    throw new StewardError('quota-exceeded', `a file has more than ${DOWNLOAD_FILE_BYTES_MAX} bytes`);
  }

  giveBack(bytes: number): void {
    this.usedBytes -= bytes;
  }
}

/** Weak validators do not promise the same bytes (RFC 9110, 8.8.1). */
function strong(etag: string | undefined): string | undefined {
  return etag?.startsWith('"') ? etag : undefined;
}

function startOf(contentRange: string | undefined): number | undefined {
  const [, start] = /^bytes (\d+)-/.exec(contentRange ?? '') ?? [];
  return start === undefined ? undefined : Number(start);
}

function unfetched({ url }: FileRequest, reason: unknown): StewardError {
  const text = `${shown(url)} could not be fetched: ${reasonOf(reason)}`;
  return new StewardError('download-failed', text, { cause: reason });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
