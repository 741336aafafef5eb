import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GitServer, serve } from '../../scripts/demo/serve.js';
import { prepareSource } from '../../scripts/demo/source.js';
import { RealSystem } from '../cli/support/real-system.js';

const FILE = 'from the web\n';
const DIGEST = `sha256:${createHash('sha256').update(FILE).digest('hex')}`;

let system: RealSystem;
let repository: GitServer;
let web: Server;
let fileUrl: string;
beforeAll(async () => {
  system = await RealSystem.create();
  await prepareSource(join(system.folder, 'source'));
  repository = await serve(join(system.folder, 'source'));
  web = createServer((_request, response) => response.end(FILE));
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  const address = web.address();
  fileUrl = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/file`;
  expect(await system.up()).toHaveProperty('ready');
});
afterAll(async () => {
  repository.close();
  web.close();
  await system.remove();
});

async function started(instance: string, ...source: readonly string[]): Promise<void> {
  const ids = ['--workspace', instance, '--instance', `${instance}-1`, '--owner', 'ada'];
  const finished = await system.steward('start', ...source, ...ids, '--wait', '--quiet');
  expect(finished, finished.stderr).toMatchObject({ code: 0 });
}

const text = (workspace: string, path: string) =>
  readFile(join(system.stateFolder, 'daemon', 'workspaces', `${workspace}-1`, path), 'utf8');

describe('a workspace from the command line', () => {
  it('begins with files from the web, each proven by its digest', async () => {
    await started('web', '--download', `${fileUrl}=docs/file.txt#${DIGEST}`);
    expect(await text('web', 'docs/file.txt')).toBe(FILE);
    const wrong = `${fileUrl}=file.txt#${DIGEST.slice(0, -1)}${DIGEST.endsWith('0') ? '1' : '0'}`;
    const refused = await system.steward('start', '--download', wrong, '--wait', '--quiet');
    expect(refused.code).toBe(1);
  });

  it('begins with a snapshot or a prebuild, brought to what its repository says', async () => {
    await started('repo', '--git', repository.url, '--checkout-location', 'code');
    const url = (await system.steward('snapshot', 'repo-1', '--quiet')).stdout.trim();
    const readme = await text('repo', 'code/README.md');
    await started('snap', '--snapshot', url);
    expect(await text('snap', 'code/README.md')).toBe(readme);
    await started('pre', '--prebuild', url, '--git', repository.url, '--checkout-location', 'code');
    expect(await text('pre', 'code/README.md')).toBe(readme);
  });

  it('begins with what a file composes', async () => {
    const initializer = {
      composite: {
        initializer: [
          {
            git: {
              remote_uri: repository.url,
              target_mode: 'REMOTE_HEAD',
              checkout_location: 'code',
              config: { authentication: 'NO_AUTH' },
            },
          },
          { download: { files: [{ url: fileUrl, file_path: 'f', digest: DIGEST }], target_location: 'web' } },
        ],
      },
    };
    const path = join(system.folder, 'initializer.json');
    await writeFile(path, JSON.stringify(initializer));
    await started('both', '--initializer', path);
    expect(await text('both', 'web/f')).toBe(FILE);
    expect(await text('both', 'code/README.md')).toContain('#');
  });
});
