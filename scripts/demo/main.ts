import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { repositoryName } from '../../src/cli/initializer-options.js';
import { secretsFolder } from '../../src/config/state-folder.js';
import { workIn } from './changes.js';
import { printEvents, printRows, watchDatabase } from './database.js';
import { say } from './say.js';
import { serve } from './serve.js';
import { prepareSource } from './source.js';
import { differences, survey } from './survey.js';
import { type System, startSystem } from './system.js';

const WORKSPACE = 'demo';
const FIRST = 'demo-first';
const SECOND = 'demo-second';

const { values } = parseArgs({ options: { git: { type: 'string' } } });
const startedAt = Date.now();
const cleanUps: (() => unknown)[] = [];
let isCleaned: Promise<void> | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void cleanUp().then(() => process.exit(130)));
}

try {
  await demo();
  say.good(`All of it took ${((Date.now() - startedAt) / 1000).toFixed(1)} s.`);
} catch (error) {
  say.bad(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  await cleanUp();
}

async function demo(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'steward-demo-'));
  cleanUps.push(() => rm(folder, { recursive: true, force: true }));
  // As root the workspace's command runs as somebody else, who has to get through.
  await chmod(folder, 0o711);

  say.step('A repository to clone');
  const url = values.git ?? (await serveOwnHistory(folder));
  say.line(url);

  say.step('The system: `steward up`, in a temporary folder');
  const state = join(folder, 'state');
  const system = await startSystem(state);
  let isUp = true;
  cleanUps.push(() => removeSecrets(state));
  cleanUps.push(() => (isUp ? stopInterrupted(system) : undefined));
  const database = await watchDatabase(system.addresses.bridge);
  cleanUps.push(() => database.close());
  say.good(`daemon, manager and bridge run in process ${system.pid}`);

  await liveAndCompare(system, state, url);

  say.step('What the database says');
  printRows(await database.rows(WORKSPACE, { [FIRST]: 'stopped', [SECOND]: 'stopped' }));
  say.step('The events that were published');
  if (database.events.length === 0) throw new Error('no events were published');
  printEvents(database.events);

  say.step('The end');
  await database.close();
  isUp = false;
  await system.stop();
  say.good('the system has drained and ended with exit code 0');
}

/** The whole life of a workspace; throws when the second instance does not get what the first one had. */
async function liveAndCompare({ steward }: System, state: string, url: string): Promise<void> {
  const contentOf = (instance: string) => join(state, 'daemon', 'workspaces', instance);
  const names = (instance: string) => ['--workspace', WORKSPACE, '--instance', instance, '--owner', 'ada'];
  const command = ['--', 'sh', '-c', 'echo "hello from $(basename "$PWD")"; exec sleep infinity'];

  say.step('A workspace from the repository, each transition as it comes');
  await steward('start', ...names(FIRST), '--git', url, '--wait', ...command);
  await steward('logs', FIRST);

  say.step('Work in it, with everything that backups often lose');
  await workIn(contentOf(FIRST), repositoryName(url));
  const before = await survey(contentOf(FIRST));

  say.step('A backup while it runs');
  await steward('backup', FIRST);

  say.step('Stop: a final backup, verified before anything is removed');
  await steward('stop', FIRST, '--wait');
  await mustBeGone(contentOf(FIRST));

  say.step('A new instance of the workspace, from that backup');
  await steward('start', ...names(SECOND), '--from-backup', '--wait', ...command);
  const found = differences(before, await survey(contentOf(SECOND)));
  for (const line of found) say.bad(line);
  if (found.length > 0) throw new Error(`${found.length} thing(s) came back differently`);
  say.good(
    `${before.size} entries came back with content, mode, owner, links, extended attributes and times`,
  );
  await steward('list');
  await steward('stop', SECOND, '--wait');
}

async function serveOwnHistory(folder: string): Promise<string> {
  const source = join(folder, 'source');
  await prepareSource(source);
  const server = await serve(source);
  cleanUps.push(() => server.close());
  return server.url;
}

async function mustBeGone(path: string): Promise<void> {
  const isThere = await survey(path).then(
    () => true,
    () => false,
  );
  if (isThere) throw new Error(`the content of ${basename(path)} is still there`);
  say.good('the content is gone from the working area: what follows comes from the backup');
}

/** Commands of workspaces outlive the system, so after a failure they are ended first. */
async function stopInterrupted(system: System): Promise<void> {
  for (const instance of [FIRST, SECOND]) {
    await system.steward('stop', instance, '--abort', '--yes', '--wait', '--quiet').catch(() => undefined);
  }
  await system.stop();
}

/** The system keeps the folder for its next start, which will not come. */
function removeSecrets(state: string): Promise<void> {
  const user = { uid: process.getuid?.() ?? -1, home: homedir(), env: process.env, temporary: tmpdir() };
  const folders = [true, false].map((hasSharedMemory) => secretsFolder(user, state, hasSharedMemory));
  return Promise.all(folders.map((path) => rm(path, { recursive: true, force: true }))).then(() => {});
}

/** In reverse order; one that fails does not keep the others from being done. */
function cleanUp(): Promise<void> {
  isCleaned ??= (async () => {
    for (const undo of cleanUps.reverse()) {
      try {
        await undo();
      } catch (error) {
        say.bad(`cleaning up: ${error instanceof Error ? error.message : String(error)}`);
        process.exitCode = 1;
      }
    }
  })();
  return isCleaned;
}
