import { join } from 'node:path';
import { errorCode } from '../../gateways/file-error.js';
import type { Files } from '../../gateways/files.js';
import { PROC_FILE_BYTES_MAX } from '../bounds.js';
import type { Listener } from '../workspace-runtime.js';
import type { Members, RunMarks } from './members.js';

interface ListeningSocket {
  readonly host: string;
  /** Of the socket, while it exists. */
  readonly inode: string;
}

/**
 * Which program listens on a port. The machine's ports are shared by all that runs on it, so a connection meant for
 * one workspace must not reach a program of another, or of the machine itself.
 */
export class Sockets {
  readonly #files: Files;
  readonly #members: Members;
  /** The socket that was last seen to be of a run, by its port. */
  readonly #known = new Map<string, Map<number, string>>();

  constructor(files: Files, members: Members) {
    this.#files = files;
    this.#members = members;
  }

  /** `pid`: a process in the network of the run. */
  async listener(marks: RunMarks, pid: number, port: number): Promise<Listener | undefined> {
    const sockets = [
      ...(await this.#listening(`/proc/${pid}/net/tcp`, port)),
      ...(await this.#listening(`/proc/${pid}/net/tcp6`, port)),
    ];
    const before = this.#known.get(marks.run)?.get(port);
    const known = sockets.find(({ inode }) => inode === before);
    const found = known ?? (sockets.length === 0 ? undefined : await this.#ofRun(marks, sockets));
    if (found?.inode !== before) this.#keep(marks.run, port, found?.inode);
    return found === undefined ? undefined : { host: found.host, port };
  }

  /** The run is gone. */
  forget(run: string): void {
    this.#known.delete(run);
  }

  #keep(run: string, port: number, inode: string | undefined): void {
    const ports = this.#known.get(run) ?? new Map<number, string>();
    if (inode === undefined) ports.delete(port);
    else ports.set(port, inode);
    if (ports.size === 0) this.#known.delete(run);
    else this.#known.set(run, ports);
  }

  async #ofRun(marks: RunMarks, sockets: readonly ListeningSocket[]): Promise<ListeningSocket | undefined> {
    const wanted = new Map(sockets.map((socket) => [`socket:[${socket.inode}]`, socket]));
    for (const { identity } of await this.#members.list(marks)) {
      const folder = `/proc/${identity.pid}/fd`;
      for (const name of await this.#names(folder)) {
        const target = await unlessUnseen(() => this.#files.readlink(join(folder, name)));
        const socket = wanted.get(target ?? '');
        if (socket !== undefined) return socket;
      }
    }
    return undefined;
  }

  async #names(folder: string): Promise<readonly string[]> {
    const entries = await unlessUnseen(() => this.#files.list(folder));
    return (entries ?? []).map(({ name }) => name);
  }

  /** Of a table in /proc/<pid>/net (proc(5)). */
  async #listening(path: string, port: number): Promise<readonly ListeningSocket[]> {
    const table = await unlessUnseen(() => this.#files.read(path, PROC_FILE_BYTES_MAX));
    const found: ListeningSocket[] = [];
    for (const line of (table?.toString('latin1') ?? '').split('\n')) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (local === undefined || state !== LISTENING || inode === undefined) continue;
      const [address, hexPort] = local.split(':');
      if (address === undefined || Number.parseInt(hexPort ?? '', 16) !== port) continue;
      found.push({ host: hostOf(address), inode });
    }
    return found;
  }
}

const LISTENING = '0A';

/** The address to connect to: for a socket that listens on all addresses, the loopback one. */
function hostOf(hex: string): string {
  const words = (hex.match(/.{8}/g) ?? []).map((word) => Buffer.from(word, 'hex').reverse());
  const bytes = Buffer.concat(words);
  const isAny = bytes.every((byte) => byte === 0);
  if (bytes.length === 4) return isAny ? '127.0.0.1' : [...bytes].join('.');
  if (isAny) return '::1';
  if (bytes.subarray(0, 12).equals(MAPPED)) return [...bytes.subarray(12)].join('.');
  const groups = bytes.toString('hex').match(/.{4}/g) ?? [];
  return groups.join(':');
}

/** An IPv4 address in an IPv6 one (RFC 4291, 2.5.5.2). */
const MAPPED = Buffer.from('00000000000000000000ffff', 'hex');

async function unlessUnseen<Value>(work: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await work();
  } catch (error) {
    if (UNSEEN.has(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}

/** It ended meanwhile, or is not ours to look at. */
const UNSEEN: ReadonlySet<string> = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'EINVAL']);
