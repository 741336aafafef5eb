import { once } from 'node:events';
import { join } from 'node:path';
import { type Clock, sleep } from '../../gateways/clock.js';
import { errorCode } from '../../gateways/file-error.js';
import type { Files } from '../../gateways/files.js';
import {
  LOG_PAUSE_MAX_MS,
  LOG_PAUSE_MIN_MS,
  LOG_TAIL_CHUNK_BYTES,
  LOG_TAIL_SEARCH_BYTES,
} from '../bounds.js';
import type { LogOptions, LogPiece } from '../log.js';

/** One file of a log. */
interface Segment {
  readonly path: string;
  /** Of its first byte. */
  readonly offset: number;
  readonly sizeBytes: number;
}

/** Files as a logger writes them, read while it writes and removes them. No folder is an empty log. */
export class LogFiles {
  readonly #clock: Clock;
  readonly #files: Files;
  readonly #folder: () => Promise<string | undefined>;
  readonly #fileBytes: number;

  /** `folder`: undefined as long as there is no log; `fileBytes`: what the logger puts into each file. */
  constructor(clock: Clock, files: Files, folder: () => Promise<string | undefined>, fileBytes: number) {
    this.#clock = clock;
    this.#files = files;
    this.#folder = folder;
    this.#fileBytes = fileBytes;
  }

  /** Reads no faster than it is asked, and holds one piece at a time. */
  async *read({ follow, offset, tailLines, isOver, signal }: LogOptions): AsyncGenerator<LogPiece> {
    let next = Math.max(offset, tailLines === undefined ? 0 : await this.#offsetOfLast(tailLines));
    let pauseMs = LOG_PAUSE_MIN_MS;
    for (;;) {
      signal.throwIfAborted();
      // Asked before looking: what was written until then is seen.
      const wasOver = isOver();
      const before = next;
      for (const segment of await this.#segments()) {
        for await (const data of this.#bytesFrom(segment, next)) {
          const from = Math.max(next, segment.offset);
          next = from + data.length;
          yield { offset: from, data };
          signal.throwIfAborted();
        }
      }
      if (next > before) {
        pauseMs = LOG_PAUSE_MIN_MS;
        continue;
      }
      if (!follow || wasOver) return;
      await sleep(this.#clock, pauseMs, signal);
      pauseMs = Math.min(LOG_PAUSE_MAX_MS, pauseMs * 2);
    }
  }

  /** Oldest first. */
  async #segments(): Promise<readonly Segment[]> {
    const folder = await this.#folder();
    const segments: Segment[] = [];
    for (const { name } of folder === undefined ? [] : await this.#list(folder)) {
      const [, number] = /^(\d+)\.log$/.exec(name) ?? [];
      if (folder === undefined || number === undefined) continue;
      const path = join(folder, name);
      const stat = await this.#files.stat(path);
      if (stat === undefined) continue;
      segments.push({ path, offset: Number(number) * this.#fileBytes, sizeBytes: stat.sizeBytes });
    }
    return segments.sort((one, other) => one.offset - other.offset);
  }

  async #list(folder: string) {
    try {
      return await this.#files.list(folder);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return [];
      throw error;
    }
  }

  /** What a segment has from `offset` on; nothing when it is gone meanwhile. */
  async *#bytesFrom(segment: Segment, offset: number): AsyncGenerator<Uint8Array> {
    const start = Math.max(0, offset - segment.offset);
    if (start >= segment.sizeBytes) return;
    try {
      yield* this.#bytes(segment.path, start, segment.sizeBytes - 1);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  }

  /** Where the last `lines` lines begin; an unfinished line at the end counts as one. */
  async #offsetOfLast(lines: number): Promise<number> {
    const segments = [...(await this.#segments())].reverse();
    const [newest] = segments;
    if (newest === undefined) return 0;
    const end = newest.offset + newest.sizeBytes;
    if (lines === 0) return end;
    let missing = lines;
    let begin = end;
    for (const { path, offset, sizeBytes } of segments) {
      for (let upTo = sizeBytes; upTo > 0; upTo -= LOG_TAIL_CHUNK_BYTES) {
        const from = Math.max(0, upTo - LOG_TAIL_CHUNK_BYTES);
        const chunk = await this.#whole(path, from, upTo - 1);
        for (let index = chunk.length - 1; index >= 0; index -= 1) {
          if (chunk[index] === NEWLINE && offset + from + index !== end - 1) missing -= 1;
          if (missing === 0) return offset + from + index + 1;
        }
        begin = offset + from;
        if (end - begin >= LOG_TAIL_SEARCH_BYTES) return begin;
      }
    }
    return begin;
  }

  async *#bytes(path: string, start: number, end: number): AsyncGenerator<Uint8Array> {
    const stream = this.#files.openRead(path, { start, end });
    try {
      for await (const chunk of stream) yield chunk;
    } finally {
      stream.destroy();
      if (!stream.closed) await once(stream, 'close');
    }
  }

  async #whole(path: string, start: number, end: number): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    try {
      for await (const chunk of this.#bytes(path, start, end)) chunks.push(chunk);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
    return Buffer.concat(chunks);
  }
}

const NEWLINE = 10;
