import { basename, dirname } from 'node:path';
import { Writable } from 'node:stream';
import { READY_MARKER } from '../../src/content/ready-marker.js';
import type { WorkingArea } from '../../src/daemon/area.js';
import type { BeneathOptions, Files, WriteOptions } from '../../src/gateways/files.js';
import { RealFiles } from '../../src/gateways/real/files.js';
import { die, type FaultPoints, type PointName } from './points.js';

/** How long a removal runs before it is cut off, so that part of the tree is gone. */
const REMOVAL_MS = 1;

/** The real disk, and the points at which a daemon that uses it can be made to die. */
export class KillingFiles extends RealFiles implements Files {
  readonly #area: WorkingArea;
  readonly #points: FaultPoints;
  /** Points that come when a temporary file gets its name, by its path. */
  readonly #writing = new Map<string, readonly PointName[]>();

  constructor(area: WorkingArea, points: FaultPoints) {
    super();
    this.#area = area;
    this.#points = points;
  }

  override async write(path: string, data: Uint8Array | string, options?: WriteOptions): Promise<void> {
    for (const [before, after] of this.#recordPoints(path, data)) {
      this.#points.reach(before);
      this.#writing.set(path, [...(this.#writing.get(path) ?? []), after]);
    }
    await super.write(path, data, options);
  }

  override async writeBeneath(
    root: string,
    path: string,
    data: Uint8Array | string,
    options: BeneathOptions,
  ): Promise<void> {
    const isMarker = path === READY_MARKER;
    if (isMarker) this.#points.reach('ready-marker-before');
    await super.writeBeneath(root, path, data, options);
    if (isMarker) this.#points.reach('ready-marker-after');
  }

  override openWrite(path: string, options?: { readonly mode?: number }): Writable {
    const file = super.openWrite(path, options);
    const isUpload = path.includes('/.uploads/');
    return isUpload && this.#points.isDue('archive-half-uploaded') ? cutOff(file) : file;
  }

  override async rename(from: string, to: string): Promise<void> {
    const name = this.#renamePoint(to);
    if (name !== undefined) this.#points.reach(`${name}-before`);
    await super.rename(from, to);
    if (name !== undefined) this.#points.reach(`${name}-after`);
    const written = this.#writing.get(from) ?? [];
    this.#writing.delete(from);
    for (const point of written) this.#points.reach(point);
  }

  override async link(from: string, to: string): Promise<void> {
    const name = linkPoint(to);
    if (name === undefined) return super.link(from, to);
    this.#points.reach(`${name}-before`);
    await super.link(from, to);
    this.#points.reach(`${name}-after`);
  }

  override async makeDirectory(path: string, mode?: number): Promise<void> {
    await super.makeDirectory(path, mode);
    if (dirname(path) === this.#area.workspaces) this.#points.reach('content-folder-made');
    if (path.startsWith(`${this.#area.layers}/`)) this.#points.reach('layer-fills');
  }

  override async remove(path: string): Promise<void> {
    if (dirname(path) === this.#area.removals && this.#points.isDue('removal-half-way')) {
      setTimeout(die, REMOVAL_MS);
    }
    await super.remove(path);
  }

  override async moveAway(from: string, to: string): Promise<void> {
    if (dirname(from) !== this.#area.workspaces) return super.moveAway(from, to);
    if ((await super.stat(from)) === undefined) return;
    this.#points.reach('removal-before');
    await super.moveAway(from, to);
    this.#points.reach('removal-after');
  }

  #recordPoints(path: string, data: Uint8Array | string): readonly (readonly [PointName, PointName])[] {
    const folder = dirname(path);
    if (folder === this.#area.finished) return [['record-gone-before', 'record-gone-after']];
    if (folder !== this.#area.records) return [];
    const text = data.toString();
    const points: (readonly [PointName, PointName])[] = [];
    if (text.includes('"snapshot-')) points.push(['record-snapshot-before', 'record-snapshot-after']);
    for (const step of ['setting-up', 'available', 'wrapping-up', 'removing'] as const) {
      if (text.includes(`"step":"${step}"`)) points.push([`record-${step}-before`, `record-${step}-after`]);
    }
    return points;
  }

  #renamePoint(to: string) {
    if (to.startsWith(`${this.#area.chains}/`)) return 'listing-switch';
    if (to.startsWith(`${this.#area.quarantine}/`)) return 'quarantine';
    if (to.startsWith(`${this.#area.layers}/`)) return 'layer-switch';
    return undefined;
  }
}

/** The lock of a folder is a link too. */
function linkPoint(to: string) {
  if (!to.includes('/objects/')) return undefined;
  const name = basename(to);
  if (!name.endsWith('.manifest.json')) return 'archive';
  return name.startsWith('snapshot-') ? 'snapshot-manifest' : 'manifest';
}

/** Takes half of the first bytes, and dies when they are written; who gives up before that closes the file. */
function cutOff(file: Writable): Writable {
  const half = new Writable({
    write(chunk: Buffer) {
      file.write(chunk.subarray(0, chunk.length / 2), () => die());
    },
    final: (done) => file.end(done),
    destroy(error, done) {
      file.destroy();
      done(error);
    },
  });
  file.on('error', (error) => half.destroy(error));
  return half;
}
