import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { isInstanceId } from '../machines/ids.js';
import { LayerCache } from '../src/content/layers/layer-cache.js';
import { realWorld } from '../src/gateways/real/world.js';
import { emptyWorkspace } from '../test/support/real-daemon.js';
import { type DaemonChild, startDaemonChild } from './daemon-child.js';
import { interleaved } from './interleaved.js';
import type { Measuring } from './measuring.js';
import { compared, median, milliseconds, notMeasured, type Row } from './row.js';
import { shell, versionOf } from './shell.js';
import { GeneratedWorkspace, type WorkspaceSize } from './workspace.js';

const STARTS = 5;
const COPY_ROUNDS = 3;
const OVERLAY_MOST_MS = 100;
/** A quarter of a workspace, so that the image stays small; a copy takes as long per file as of a large one. */
const COPIED_SHARE = 0.25;
const IMAGE_BYTES = 3 * 2 ** 30;

/** Starts from a snapshot that the node has unpacked already. */
export async function benchLayers(measuring: Measuring): Promise<readonly Row[]> {
  if (process.getuid?.() !== 0) {
    return ['start from a kept snapshot by overlay', 'by reflink'].map((what) =>
      notMeasured(what, 'not root'),
    );
  }
  return [...(await overlayRows(measuring)), await reflinkRow(measuring)];
}

/** The whole call as a client sees it: Init until the content is ready. */
async function overlayRows(measuring: Measuring): Promise<readonly Row[]> {
  const folder = measuring.newFolder();
  const daemon = await startDaemonChild(folder, { layers: { method: 'overlay' } });
  try {
    const small = { files: 20, bytes: 100_000 };
    return [await overlayRow(daemon, 'small', small), await overlayRow(daemon, 'large', measuring.workspace)];
  } finally {
    await daemon.stop();
  }
}

async function overlayRow(daemon: DaemonChild, name: string, size: WorkspaceSize): Promise<Row> {
  await daemon.content.initWorkspace(emptyWorkspace(name, name));
  new GeneratedWorkspace(daemon.workspaceOf(name), size).generate();
  const { url } = await daemon.content.takeSnapshot({ id: name, returnImmediately: false });
  await daemon.content.disposeWorkspace({ id: name, backup: false, backupLogs: false });
  const start = async (index: number) => {
    const spec = { $case: 'snapshot' as const, value: { snapshot: url, fromVolumeSnapshot: false } };
    const id = `${name}-${index}`;
    const before = performance.now();
    await daemon.content.initWorkspace({ ...emptyWorkspace(id, id), initializer: { spec } });
    const ms = performance.now() - before;
    await daemon.content.disposeWorkspace({ id, backup: false, backupLogs: false });
    return ms;
  };
  const firstMs = await start(0);
  shell('sync -f "$0"', daemon.workspaceOf('.'));
  const times: number[] = [];
  for (let index = 1; index <= STARTS; index += 1) times.push(await start(index));
  const ms = median(times);
  return {
    what: `start from a kept snapshot by overlay, ${(size.bytes / 1e6).toFixed(1)} MB in ${size.files} files`,
    ours: milliseconds(ms),
    against: `${milliseconds(firstMs)} (the first start, which unpacks)`,
    result: milliseconds(ms),
    target: `< ${OVERLAY_MOST_MS} ms`,
    isMet: ms < OVERLAY_MOST_MS,
  };
}

async function reflinkRow(measuring: Measuring): Promise<Row> {
  const what = 'giving a kept snapshot by reflink';
  if (versionOf('mkfs.xfs', '-V') === undefined) return notMeasured(what, 'xfsprogs is not installed');
  const folder = measuring.newFolder();
  const place = join(folder, 'xfs');
  shell(`truncate -s ${IMAGE_BYTES} "$0/image" && mkfs.xfs -q "$0/image" && mkdir "$0/xfs"`, folder);
  shell('mount -o loop "$0/image" "$0/xfs"', folder);
  try {
    const { workspace } = measuring;
    const size = {
      files: Math.round(workspace.files * COPIED_SHARE),
      bytes: Math.round(workspace.bytes * COPIED_SHARE),
    };
    const template = new GeneratedWorkspace(join(place, 'template'), size);
    template.generate();
    const reflink = await givingBy('reflink', place, template);
    const copy = await givingBy('copy', place, template);
    const ms = await interleaved(COPY_ROUNDS, [reflink, copy]);
    const of = `${(size.bytes / 1e6).toFixed(0)} MB in ${size.files} files, xfs in an image`;
    return compared(`${what}, ${of}`, ms.reflink, { ms: ms.copy, name: 'by copy' }, 0.5);
  } finally {
    shell('umount -l "$0"', place);
  }
}

async function givingBy<Method extends 'reflink' | 'copy'>(
  name: Method,
  place: string,
  template: GeneratedWorkspace,
) {
  const home = join(place, name);
  const workspaces = join(home, 'workspaces');
  mkdirSync(workspaces, { recursive: true });
  const cache = await LayerCache.open(realWorld(), {
    settings: { method: name, maxBytes: 2 ** 40, maxLayers: 1 },
    layers: join(home, 'layers'),
    workspaces,
    overlays: join(workspaces, '.overlays'),
    setAside: join(home, 'set-aside'),
    onAlarm: () => undefined,
    onNote: (text) => console.error(text),
  });
  let targets = 0;
  const target = () => join(workspaces, `bench-${targets}`);
  const before = () => {
    targets += 1;
    mkdirSync(target());
    shell('sync -f "$0"', place);
  };
  const run = async () => {
    const instance = 'bench';
    if (!isInstanceId(instance)) throw new Error('no id');
    const request = { key: 'a'.repeat(64), folder: target(), instance, expectedBytes: template.size.bytes };
    const { method } = await cache.populate(
      { ...request, signal: new AbortController().signal },
      async (into) => void shell('cp -a "$0/." "$1"', template.folder, into),
    );
    if (method !== name) throw new Error(`given by ${method} instead of ${name}`);
    // As a start does: it is on disk before anybody hears of it.
    shell('sync -f "$0"', target());
  };
  before();
  await run();
  return { name, before, run };
}
