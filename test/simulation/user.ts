import { Content } from '../../src/gateways/simulated/inode.js';
import type { SeededRandom } from '../../src/gateways/simulated/random.js';
import { AREA } from './life.js';
import type { InstanceModel } from './model.js';
import type { Run } from './run.js';

/** A person works in the workspace: changes one path of its content, and saves it for good. */
export function edit(run: Run, model: InstanceModel, random: SeededRandom): void {
  const root = AREA.contentOf(model.id);
  const { disk } = run.world.files;
  const before = run.disk.content(root);
  if (before === undefined) return;
  const files = [...before].filter(([path, line]) => line.startsWith('file') && !path.startsWith('.git'));
  const victim = random.isHit(0.2) ? random.pick(files)?.[0] : undefined;
  try {
    if (victim !== undefined) disk.remove(`${root}/${victim}`);
    else
      write(run, `${root}/${random.isHit(0.3) ? 'folder/' : ''}file-${random.integer(1, 5)}`, model, random);
  } catch {
    // The disk is full; what is there now counts.
  }
  sync(run, root);
  const after = run.disk.content(root);
  if (after !== undefined) model.hasBecome(after, run.now);
  run.log(`edit ${model.id}, version ${model.versions.length}`);
}

function write(run: Run, path: string, model: InstanceModel, random: SeededRandom): void {
  const { files } = run.world;
  files.disk.makeFolders(path.slice(0, path.lastIndexOf('/')), 0o755);
  const file = files.disk.fileToWrite(path, undefined, false);
  const text = `version ${model.versions.length} ${'x'.repeat(random.integer(0, 300))}`;
  files.disk.fill(file, Content.of(text), path);
}

/** As `sync` does for one folder and all below. */
export function sync(run: Run, path: string): void {
  const { tree } = run.world.files.disk;
  for (const below of run.disk.paths(path)) {
    const inode = run.disk.inode(below);
    if (inode?.kind === 'directory') tree.syncFolder(inode);
    if (inode?.kind === 'file') inode.synced = inode.content;
  }
}
