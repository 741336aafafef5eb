import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { InstanceId } from '../../machines/ids.js';
import { toStewardError } from '../errors/steward-error.js';
import { replaceDurably } from '../gateways/durable.js';
import type { World } from '../gateways/world.js';
import {
  CHAIN_CLOCK_TOLERANCE_MS,
  CHAIN_COARSE_MARGIN_MS,
  CHAIN_HEAD_BYTES_MAX,
  CHAIN_MARGIN_MS,
  CHAIN_TICK_MS,
  LONG_WRITE_MS,
} from './bounds.js';
import type { Exclude } from './exclude.js';
import { FolderInodes } from './folder-inodes.js';
import { copyListing, digestListing, type ListingUse } from './listing.js';
import { type BackupManifest, digestOf } from './manifest.js';
import { READY_MARKER } from './ready-marker.js';
import type { Survey } from './survey.js';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const headSchema = z.object({
  owner: z.string(),
  workspace: z.string(),
  instance: z.string(),
  /** The backup that the listing belongs to. */
  generation: z.int().positive(),
  backup: sha256,
  /** What changed since then, in milliseconds since the epoch, is not in that backup. */
  sinceMs: z.number().nonnegative(),
  /** The wall clock less the monotonic one, which starts with the boot. */
  bootId: z.string(),
  clockOffsetMs: z.number(),
  excludes: sha256,
  /** State digest of the content in that backup; absent when it was not at rest while it was packed. */
  state: sha256.optional(),
  /** Beside a state: no entry of it has a later change time. In milliseconds since the epoch. */
  untouchedSinceMs: z.number().optional(),
  listing: z.object({ name: z.string().regex(/^listing-[\w-]+$/), sha256, sizeBytes: z.int().positive() }),
});
const sealedSchema = z.object({ sha256, head: z.record(z.string(), z.unknown()) });

export type ChainHead = Readonly<z.infer<typeof headSchema>>;

/** When a backup looked at the clock, before anything of the content was read. */
export interface Beginning {
  readonly startedAtMs: number;
  readonly bootId: string;
  readonly clockOffsetMs: number;
}

export function beginning({ clock, processes }: World): Beginning {
  const startedAtMs = clock.now();
  return { startedAtMs, bootId: processes.self().bootId, clockOffsetMs: startedAtMs - clock.monotonic() };
}

/** Whether the wall clock fell behind since: then what happened later may look older than what was before. */
export function isSteppedBack(since: Pick<Beginning, 'bootId' | 'clockOffsetMs'>, now: Beginning): boolean {
  return since.bootId !== now.bootId || now.clockOffsetMs < since.clockOffsetMs - CHAIN_CLOCK_TOLERANCE_MS;
}

/**
 * Whether nothing in the folder was touched since the beginning: what was packed then is what is there. A survey has
 * no times of our marker's folder, because the marker comes and goes in it; what else went from there shows here.
 * Fails with `backup-failed` when the disk does not tell.
 */
export async function isAtRest(
  { files, clock }: Pick<World, 'files' | 'clock'>,
  folder: string,
  survey: Survey,
  { startedAtMs }: Beginning,
): Promise<boolean> {
  const restedMs = startedAtMs - CHAIN_TICK_MS;
  if (!survey.hasFractions || survey.changedAtMs >= restedMs) return false;
  const markers = await files.stat(join(folder, dirname(READY_MARKER))).catch((error: unknown) => {
    throw toStewardError(error, 'backup-failed');
  });
  const marked = markers?.modifiedMs ?? 0;
  // A time that has not come yet is somebody's joke, and no trace.
  return marked < restedMs || marked > clock.now();
}

/** What a finished backup, or a restore, leaves for the next increment. */
export interface Links {
  readonly manifest: BackupManifest;
  readonly instance: InstanceId;
  readonly beginning: Beginning;
  readonly excludes: readonly Exclude[];
  readonly survey: Survey;
  /** Whether the survey shows what is in the backup. */
  readonly isAtRest: boolean;
  readonly kind: 'running' | 'restored';
}

/**
 * The folder of one instance's listing: a cache. Whatever is wrong with it costs a full backup and nothing else, so
 * nothing here fails for what is in it. The head names the listing that is current; it is replaced at once.
 */
export class ChainFolder {
  readonly #world: World;
  readonly #folder: string;
  readonly #content: string;
  /** Where tar works on the next listing. No other backup has it: a tar that outlived its daemon may still write. */
  readonly next: string;

  /** `content`: the folder that is listed. */
  constructor(world: World, folder: string, content: string) {
    this.#world = world;
    this.#folder = folder;
    this.#content = content;
    this.next = join(folder, `next-${world.random.uuid().slice(0, 8)}`);
  }

  async clear(): Promise<void> {
    await this.#world.files.remove(this.#folder);
  }

  /** Makes the folder, with no next listing in it; those of backups that failed go. */
  async prepare(): Promise<void> {
    const { files } = this.#world;
    await files.makeDirectory(this.#folder, 0o700);
    for (const { name } of await files.list(this.#folder)) {
      if (name.startsWith('next')) await files.remove(join(this.#folder, name));
    }
  }

  /** undefined when there is none that can be read. */
  async head(): Promise<ChainHead | undefined> {
    try {
      const bytes = await this.#world.files.read(this.#headPath, CHAIN_HEAD_BYTES_MAX);
      const sealed = sealedSchema.parse(JSON.parse(bytes.toString('utf8')));
      if (sealOf(sealed.head) !== sealed.sha256) return undefined;
      return headSchema.parse(sealed.head);
    } catch {
      return undefined;
    }
  }

  /**
   * The current listing under the name of the next one; false when it is not what the head says. A folder that moves
   * after its inode was seen is one that tar calls renamed.
   */
  async takeUp(
    head: ChainHead,
    seen: FolderInodes,
    signal: AbortSignal,
  ): Promise<'ready' | 'damaged' | 'moved'> {
    const { name, ...expected } = head.listing;
    let isMoved = false;
    const onGone = (inode: string) => {
      isMoved ||= seen.mayHave(inode);
    };
    try {
      const use = { expected, sinceMs: head.sinceMs, seen, onGone };
      if (!(await this.#copy(join(this.#folder, name), this.next, use, signal))) return 'damaged';
      return isMoved ? 'moved' : 'ready';
    } catch {
      signal.throwIfAborted();
      return 'damaged';
    }
  }

  /** Lets another increment look for changes since the beginning again; false when there is no listing. */
  async turnBack({ startedAtMs }: Beginning, signal: AbortSignal): Promise<boolean> {
    const { files } = this.#world;
    const digest = await digestListing(files, this.next, signal);
    if (digest === undefined) return false;
    const again = join(this.#folder, 'again');
    await files.remove(again);
    const sinceMs = startedAtMs - CHAIN_MARGIN_MS;
    const seen = new FolderInodes();
    if (!(await this.#copy(this.next, again, { expected: digest, sinceMs, seen }, signal))) return false;
    await files.rename(again, this.next);
    return true;
  }

  /** Makes the next listing the current one. */
  async advance(links: Links, signal: AbortSignal): Promise<void> {
    const { files, random } = this.#world;
    const digest = await digestListing(files, this.next, signal);
    if (digest === undefined) return this.clear();
    const name = `listing-${links.manifest.generation}-${random.uuid().slice(0, 8)}`;
    await files.rename(this.next, join(this.#folder, name));
    const text = encode(headOf(links, { name, ...digest }));
    await replaceDurably(files, this.#headPath, `${this.#headPath}.tmp`, text);
    for (const entry of await files.list(this.#folder)) {
      const isOld = entry.name !== name && join(this.#folder, entry.name) !== this.#headPath;
      if (isOld) await files.remove(join(this.#folder, entry.name));
    }
  }

  #copy(from: string, to: string, { seen, ...use }: Copying, signal: AbortSignal): Promise<boolean> {
    const { files } = this.#world;
    const ask = async (folder: Buffer) => {
      const found = await files.stat(join(this.#content, folder.toString('utf8'))).catch(() => undefined);
      return found?.kind === 'directory' ? String(found.inode) : undefined;
    };
    const inodeOf = (folder: Buffer) => seen.of(folder) ?? ask(folder);
    return copyListing(files, from, to, { ...use, inodeOf }, signal);
  }

  get #headPath(): string {
    return join(this.#folder, 'head.json');
  }
}

interface Copying extends Omit<ListingUse, 'inodeOf'> {
  /** Others are looked up. */
  readonly seen: FolderInodes;
}

/** Two sets of excludes with the same digest leave out the same. */
export function excludesDigest(excludes: readonly Exclude[]): string {
  const lines = excludes.map(({ glob, isAnchored, isInside }) =>
    JSON.stringify([glob, isAnchored, isInside]),
  );
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}

function headOf(links: Links, listing: ChainHead['listing']): ChainHead {
  const { manifest, instance, excludes, survey } = links;
  const { startedAtMs, bootId, clockOffsetMs } = links.beginning;
  return {
    owner: manifest.owner,
    workspace: manifest.workspace,
    instance,
    generation: manifest.generation,
    backup: digestOf(manifest).sha256,
    sinceMs: startedAtMs - marginOf(links),
    bootId,
    clockOffsetMs,
    excludes: excludesDigest(excludes),
    ...(links.isAtRest && !mayBeInWrite(links)
      ? { state: survey.stateDigest, untouchedSinceMs: startedAtMs - CHAIN_TICK_MS }
      : {}),
    listing,
  };
}

/**
 * After a restore everything is new: a margin would put all of it into the first increment. Nothing can have been
 * written then within a tick of the beginning, because whoever restores waits before.
 */
function marginOf(links: Links): number {
  const { survey, kind } = links;
  if (mayBeInWrite(links)) return LONG_WRITE_MS;
  if (!survey.hasFractions) return CHAIN_COARSE_MARGIN_MS;
  return kind === 'restored' ? CHAIN_TICK_MS : CHAIN_MARGIN_MS;
}

/** Whether one call may have begun to write to a file before tar read it, and have ended after that. */
function mayBeInWrite({ survey, kind, beginning }: Links): boolean {
  return kind === 'running' && survey.largeChangedAtMs > beginning.startedAtMs - LONG_WRITE_MS;
}

function encode(head: ChainHead): string {
  return `${JSON.stringify({ sha256: sealOf(head), head })}\n`;
}

function sealOf(head: object): string {
  return createHash('sha256').update(JSON.stringify(head)).digest('hex');
}
