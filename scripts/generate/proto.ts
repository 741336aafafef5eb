import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import type { Generator } from './generator.js';

const root = join(import.meta.dirname, '..', '..');
const GENERATE_TIMEOUT_MS = 120_000;
const BASE64_LINE_LENGTH = 108;

/**
 * Messages, clients and service definitions from proto/, and the descriptors that reflection serves. buf and
 * the plugin come from node_modules, so this works without a network.
 */
export const protoGenerator: Generator = {
  name: 'proto',
  owns: ['src/gen'],
  files: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'steward-proto-'));
    try {
      const code = join(folder, 'code');
      const descriptors = join(folder, 'descriptors.binpb');
      await buf('generate', '--output', code);
      await buf('build', '--exclude-source-info', '--as-file-descriptor-set', '--output', descriptors);
      const files = await readTree(code, 'src/gen');
      files.set('src/gen/descriptors.ts', descriptorModule(await readFile(descriptors)));
      return files;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function buf(...args: readonly string[]): Promise<void> {
  const program = join(root, 'node_modules', '.bin', 'buf');
  await promisify(execFile)(program, args, { cwd: root, timeout: GENERATE_TIMEOUT_MS });
}

async function readTree(folder: string, prefix: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(join(prefix, relative(folder, path)), await readFile(path, 'utf8'));
  }
  return files;
}

/** As text, because the build copies nothing but compiled TypeScript. */
function descriptorModule(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(new RegExp(`.{1,${BASE64_LINE_LENGTH}}`, 'g')) ?? [];
  return [
    '// Made from proto/ by scripts/generate/proto.ts. Do not edit.',
    '',
    '/** A google.protobuf.FileDescriptorSet of every file below proto/ and what they import, in base64. */',
    'export const descriptorSetBase64 = [',
    ...lines.map((line) => `  "${line}",`),
    '].join("");',
    '',
  ].join('\n');
}
