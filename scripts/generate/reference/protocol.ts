import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fromBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { fileSections } from './protocol-text.js';

const root = join(import.meta.dirname, '..', '..', '..');
const BUILD_TIMEOUT_MS = 120_000;

/** One page per package, from the .proto files with their comments. */
export async function protocolPages(): Promise<readonly (readonly [name: string, text: string])[]> {
  const packages = new Map<string, FileDescriptorProto[]>();
  for (const file of await describedFiles()) {
    if (file.package.startsWith('google.') || file.package.startsWith('grpc.')) continue;
    packages.set(file.package, [...(packages.get(file.package) ?? []), file]);
  }
  return [...packages]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, files]) => [`${name}.md`, page(name, files)] as const);
}

function page(name: string, files: readonly FileDescriptorProto[]): string {
  return [
    `# Protocol \`${name}\``,
    '',
    ...files.flatMap((file) => [`Defined in [proto/${file.name}](../../proto/${file.name}).`, '']),
    ...files.flatMap(fileSections),
  ].join('\n');
}

/** Descriptors with where each comment stands, which those in src/gen leave out. */
async function describedFiles(): Promise<readonly FileDescriptorProto[]> {
  const folder = await mkdtemp(join(tmpdir(), 'steward-reference-'));
  try {
    const path = join(folder, 'all.binpb');
    const program = join(root, 'node_modules', '.bin', 'buf');
    const args = ['build', '--as-file-descriptor-set', '--output', path];
    await promisify(execFile)(program, args, { cwd: root, timeout: BUILD_TIMEOUT_MS });
    return fromBinary(FileDescriptorSetSchema, await readFile(path)).file;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
