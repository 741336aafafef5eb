import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { ArchivePlace } from '../../../src/content/archive-objects.js';
import { DEFAULT_BACKUP_POLICY } from '../../../src/content/backup-policy.js';
import { BackupRepository } from '../../../src/content/backups.js';
import { surveyArguments } from '../../../src/content/find-arguments.js';
import { PROGRAM_ENVIRONMENT } from '../../../src/content/program.js';
import type { ObjectStorage } from '../../../src/storage/object-storage.js';
import type { Answer, Order } from './chain-process.js';
import { backupOptions, contentFolder, ids, newPlace, noAbort } from './place.js';

/** Backs up `content` of the folder it is given and restores it, told by messages, as a process of its own. */
const [folder = ''] = process.argv.slice(2);
const content = join(folder, 'content');
const place = newPlace(folder);
/** Tiny content: its increments are large beside it. */
const policy = { ...DEFAULT_BACKUP_POLICY, fullWhenIncrementsExceedShare: Number.MAX_SAFE_INTEGER };
/** More than fits between a storage and the programs: one that took as much is at work. */
const HELD_AFTER_BYTES = 4 * 1024 * 1024;
let hold: () => void = () => undefined;
/** Once the first bytes of an archive have come, and no more will. */
const held = new Promise<void>((resolve) => {
  hold = resolve;
});

process.on('message', (order: Order) => {
  obey(order).then(answer, (error: unknown) => answer({ failure: String(error) }));
});
answer({});

function answer(what: Answer): void {
  process.send?.(what);
}

async function obey(order: Order): Promise<Answer> {
  const idleBytes = restingMemory();
  const manifest = await work(order);
  const peakBytes = memory('VmHWM');
  return { growthBytes: peakBytes - idleBytes, ...(manifest === undefined ? {} : { manifest }) };
}

async function work(order: Order) {
  switch (order.kind) {
    case 'backup':
      return backup(place);
    case 'backup held':
      await Promise.race([backup(holding(place)), held]);
      // As a survey that nobody reads.
      place.world.processes.start({
        program: 'find',
        args: surveyArguments([]),
        env: PROGRAM_ENVIRONMENT,
        cwd: content,
      });
      return undefined;
    case 'restore':
      return restore(place, order.generation);
    case 'restore held':
      await Promise.race([restore(holding(place), order.generation), held]);
      return undefined;
  }
}

async function backup(from: ArchivePlace) {
  const { owner, workspace } = ids();
  const backups = new BackupRepository(from, owner, workspace);
  const { manifest } = await backups.create(content, { ...backupOptions(content), policy });
  return manifest;
}

async function restore(from: ArchivePlace, generation: number) {
  const { owner, workspace } = ids();
  const backups = new BackupRepository(from, owner, workspace);
  const manifest = await backups.read(generation, noAbort());
  const target = await contentFolder(place, join(folder, `restored-${generation}`));
  await backups.restore(manifest, target, { signal: noAbort() });
  return manifest;
}

/** A storage that gives and takes the first bytes of an archive, and then no more. */
function holding(from: ArchivePlace): ArchivePlace {
  return { ...from, storage: new Proxy(from.storage, { get: heldBack }) };
}

function heldBack(target: ObjectStorage, property: string | symbol): unknown {
  const put: ObjectStorage['put'] = (name, body, options) =>
    target.put(name, Readable.from(firstOf(body), { objectMode: false }), options);
  const get: ObjectStorage['get'] = async (name, options) => {
    const found = await target.get(name, options);
    const isHeld = found !== undefined && !name.endsWith('.json');
    return isHeld ? Readable.from(firstOf(found), { objectMode: false }) : found;
  };
  if (property === 'put') return put;
  if (property === 'get') return get;
  const found: unknown = Reflect.get(target, property);
  return typeof found === 'function' ? found.bind(target) : found;
}

async function* firstOf(stream: Readable) {
  let bytes = 0;
  for await (const chunk of stream) {
    if (bytes >= HELD_AFTER_BYTES) {
      hold();
      await new Promise(() => undefined);
    }
    bytes += chunk.length;
    yield chunk;
  }
}

/** What it takes now, in bytes; the kernel forgets the peak before. */
function restingMemory(): number {
  writeFileSync('/proc/self/clear_refs', '5');
  return memory('VmRSS');
}

function memory(field: string): number {
  const [, kibibytes] =
    new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}
