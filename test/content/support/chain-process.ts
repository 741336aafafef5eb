import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { BackupManifest } from '../../../src/content/manifest.js';
import { isRoot } from './place.js';

export type Order =
  | { readonly kind: 'backup' | 'backup held' }
  | { readonly kind: 'restore' | 'restore held'; readonly generation: number };

export interface Answer {
  readonly failure?: string;
  readonly manifest?: BackupManifest;
  /** The most memory it took above what it took before, in bytes. */
  readonly growthBytes?: number;
}

const PROGRAM = fileURLToPath(new URL('chain-child.ts', import.meta.url));
const SOMEBODY = 65534;

/** Who an ordinary user is here: ourselves, or somebody for root, if they can read this program; else undefined. */
export const ordinaryUser = isRoot ? somebody() : process.getuid?.();

/** A process that backs up `content` in the folder and restores it beside that; ended with the test. */
export async function chainProcess(folder: string, uid?: number) {
  const owner = uid === undefined || !isRoot ? {} : { uid, gid: uid };
  const child = fork(PROGRAM, [folder], {
    execArgv: ['--import', import.meta.resolve('tsx')],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    ...owner,
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await answerOf(child);
  const tell = async (order: Order) => {
    const answer = answerOf(child);
    child.send(order);
    const { failure, ...rest } = await answer;
    if (failure !== undefined) throw new Error(failure);
    return rest;
  };
  const backup = async () => {
    const { manifest, growthBytes = Number.NaN } = await tell({ kind: 'backup' });
    if (manifest === undefined) throw new Error('no backup was made');
    return { manifest, growthBytes };
  };
  return { child, tell, backup };
}

async function answerOf(child: ChildProcess): Promise<Answer> {
  const gone = once(child, 'exit').then(() => ({ failure: 'it has ended' }));
  return Promise.race([once(child, 'message').then(([answer]) => answer), gone]);
}

/** The processes that a process has started, and those have, by their name and what tells them from others later. */
export function startedBy(pid: number): { readonly name: string; readonly key: string }[] {
  return running().flatMap(({ parent, ...one }) => (parent === pid ? [one, ...startedBy(one.pid)] : []));
}

/** Of those, the ones that are still there. */
export function stillRunning(started: readonly { readonly name: string; readonly key: string }[]): string[] {
  const keys = new Set(running().map(({ key }) => key));
  return started.filter(({ key }) => keys.has(key)).map(({ name }) => name);
}

function running() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return [processOf(Number(name))];
      } catch {
        return [];
      }
    })
    .filter(({ state }) => state !== 'Z' && state !== 'X');
}

function processOf(pid: number) {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const name = text.slice(text.indexOf('(') + 1, text.lastIndexOf(')'));
  return { pid, name, state: fields[0], parent: Number(fields[1]), key: `${pid}/${fields[19]}` };
}

function somebody(): number | undefined {
  const reads = ['-e', `require('fs').readFileSync(${JSON.stringify(PROGRAM)})`];
  return spawnSync(process.execPath, reads, { uid: SOMEBODY, gid: SOMEBODY }).status === 0
    ? SOMEBODY
    : undefined;
}
