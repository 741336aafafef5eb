import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createHttpServer, get, type Server as HttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  isInstanceId,
  isOwnerId,
  isWorkspaceId,
  type OwnerId,
  type WorkspaceId,
} from '../../machines/ids.js';
import type { LifeFacts } from '../../machines/workspace-phase.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { type Exposing, LocalPorts } from '../../src/manager/runtime-ports.js';
import { RecordStore } from '../../src/records/record-store.js';
import type { Port } from '../../src/runtime/port.js';
import { HostPorts, reservedSchema } from '../../src/runtime/ports/host-ports.js';
import { instanceId } from './rig.js';

const TOKEN = 'the-token';
const id = instanceId('instance-1');
const servers: (Server | HttpServer)[] = [];
let folder = '';
let range = { host: '127.0.0.1', first: 0, last: 0 };
let ports: LocalPorts;
let program: { host: string; port: number } | undefined;
let published = 0;

const RUNNING: LifeFacts = {
  kind: 'regular',
  begun: true,
  deployed: true,
  content: 'ready',
  command: { state: 'running' },
  stop: undefined,
  failure: '',
  timedOut: '',
  disposal: 'none',
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ports-'));
  // Elsewhere in each run, so that runs at the same time keep out of each other's way.
  const first = 10_000 + (process.pid % 400) * 20;
  range = { host: '127.0.0.1', first, last: first + 19 };
  published = 0;
  program = { host: '127.0.0.1', port: await serve() };
  ports = await another();
});

afterEach(async () => {
  await ports.close();
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

async function serve(): Promise<number> {
  const server = createHttpServer((_, response) => response.end('from the workspace'));
  return listen(server, 0);
}

async function listen(server: Server | HttpServer, port: number): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** As a restarted manager has them. */
async function another(): Promise<LocalPorts> {
  const store = await RecordStore.open(realWorld(), {
    folder: join(folder, 'host-ports'),
    setAside: join(folder, 'set-aside'),
    schema: reservedSchema,
    onAlarm: () => undefined,
  });
  const hostPorts = new HostPorts(range, store);
  await hostPorts.load(isInstanceId);
  const runtime = { listener: async () => program };
  return new LocalPorts({ range, hostPorts, runtime, logger: pino({ level: 'silent' }) });
}

/** An instance as its newest record has it. */
class Recorded implements Exposing {
  readonly parts = { identity: { instance: id, workspace: workspace(), owner: owner() }, ownerToken: TOKEN };
  record: Exposing['record'];

  constructor(exposed: readonly Port[]) {
    this.record = { settings: { ports: exposed }, life: RUNNING };
  }

  note(exposed: readonly Port[]): void {
    this.record = { settings: { ports: exposed }, life: this.record?.life ?? RUNNING };
  }

  expose(exposed: readonly Port[]): void {
    this.note(exposed);
    ports.apply(this);
  }

  stop(): void {
    const stop = { graceMs: 1, aborted: false };
    this.record = { settings: { ports: this.record?.settings.ports ?? [] }, life: { ...RUNNING, stop } };
    ports.apply(this);
  }

  async republish(): Promise<void> {
    published += 1;
  }
}

const OPEN: Port = { port: 8080, visibility: 'public', protocol: 'http' };
const CLOSED: Port = { port: 8080, visibility: 'private', protocol: 'http' };

function url(port: Port): string {
  return ports.urlOf(id, port) ?? 'none';
}

/** Status and text of an answer; what keeps one from coming. */
function ask(address: string, token?: string): Promise<string> {
  const headers = token === undefined ? {} : { 'x-gitpod-owner-token': token };
  return new Promise((resolve) => {
    const asked = get(address, { headers, agent: false }, async (answer) => {
      resolve(`${answer.statusCode} ${(await text(answer)).trim()}`);
    });
    asked.on('error', () => resolve('unreachable'));
  });
}

function gate() {
  let [resolve, reject] = [() => {}, (_: Error) => {}];
  const promise = new Promise<void>((onOpen, onFailure) => {
    [resolve, reject] = [onOpen, onFailure];
  });
  return { promise, resolve, reject };
}

function soon(look: () => Promise<string>) {
  return expect.poll(look, { timeout: 10_000, interval: 10 });
}

describe('an exposed port', () => {
  test('has its address before the instance runs, and is reached there when it does', async () => {
    await ports.check(id, [OPEN]);
    const address = url(OPEN);
    expect(await ask(address)).toBe('unreachable');
    ports.apply(new Recorded([OPEN]));
    await soon(() => ask(address)).toBe('200 from the workspace');
    expect(url(OPEN)).toBe(address);
  });

  test('changes who may enter, and is closed, while the instance runs', async () => {
    const instance = new Recorded([OPEN]);
    ports.apply(instance);
    await soon(() => ask(url(OPEN))).toBe('200 from the workspace');
    const address = url(OPEN);
    instance.expose([CLOSED]);
    await soon(() => ask(address)).toMatch(/^401 /);
    expect(await ask(address, TOKEN)).toBe('200 from the workspace');
    expect(await ask(address, 'guess')).toMatch(/^401 /);
    instance.expose([OPEN]);
    await soon(() => ask(address)).toBe('200 from the workspace');
    instance.expose([]);
    await soon(() => ask(address)).toBe('unreachable');
    await soon(async () => url(OPEN)).toBe('none');
  });

  test('is private at once, whatever else is under way', async () => {
    const told = gate();
    await ports.check(id, [OPEN]);
    const instance = new Recorded([OPEN]);
    ports.apply(instance);
    const address = url(OPEN);
    await soon(() => ask(address)).toBe('200 from the workspace');
    // A disk that is slow to take the new address of another port holds up what comes after it.
    instance.republish = () => told.promise;
    const other: Port = { ...OPEN, port: 9090 };
    instance.expose([OPEN, other]);
    await soon(() => ask(url(other))).toBe('200 from the workspace');
    instance.expose([CLOSED, { ...CLOSED, port: 9090 }]);
    expect(await ask(address)).toMatch(/^401 /);
    expect(await ask(url(other))).toMatch(/^401 /);
    instance.expose([]);
    expect(await ask(address)).toBe('unreachable');
    told.resolve();
  });

  test('that is exposed again at once keeps its address', async () => {
    const instance = new Recorded([OPEN]);
    ports.apply(instance);
    await soon(() => ask(url(OPEN))).toBe('200 from the workspace');
    const address = url(OPEN);
    instance.expose([]);
    instance.expose([CLOSED]);
    await soon(() => ask(address, TOKEN)).toBe('200 from the workspace');
    expect(url(CLOSED)).toBe(address);
  });

  test('is closed when the instance stops, and keeps its address', async () => {
    const instance = new Recorded([OPEN]);
    ports.apply(instance);
    await soon(() => ask(url(OPEN))).toBe('200 from the workspace');
    const address = url(OPEN);
    instance.stop();
    await soon(() => ask(address)).toBe('unreachable');
    expect(url(OPEN)).toBe(address);
    await ports.forget(id);
    expect(ports.urlOf(id, OPEN)).toBeUndefined();
  });

  test('is found where it was after a restart', async () => {
    const instance = new Recorded([OPEN, { ...CLOSED, port: 9090 }]);
    ports.apply(instance);
    await soon(() => ask(url(OPEN))).toBe('200 from the workspace');
    await soon(() => ask(url({ ...CLOSED, port: 9090 }), TOKEN)).toBe('200 from the workspace');
    const addresses = [url(OPEN), url({ ...CLOSED, port: 9090 })];
    await ports.close();
    expect(await ask(addresses[0] ?? '')).toBe('unreachable');
    ports = await another();
    ports.apply(instance);
    await soon(() => ask(addresses[0] ?? '')).toBe('200 from the workspace');
    expect([url(OPEN), url({ ...CLOSED, port: 9090 })]).toEqual(addresses);
    expect(published).toBe(1 + 1);
  });

  test('is closed with the manager, also while it is being opened', async () => {
    await ports.check(id, [OPEN]);
    const address = url(OPEN);
    ports.apply(new Recorded([OPEN, { ...CLOSED, port: 9090 }]));
    await ports.close();
    expect(await ask(address)).toBe('unreachable');
    expect(url(OPEN)).toBe(address);
  });

  test('moves when somebody else has taken its place meanwhile, and that is told', async () => {
    await ports.check(id, [OPEN]);
    const before = url(OPEN);
    await ports.close();
    await listen(createServer(), Number(new URL(before).port));
    ports = await another();
    ports.apply(new Recorded([OPEN]));
    await soon(async () => String(published)).toBe('1');
    expect(url(OPEN)).not.toBe(before);
    await soon(() => ask(url(OPEN))).toBe('200 from the workspace');
  });

  test('is listed with what can be said about it', async () => {
    const instance = new Recorded([{ ...CLOSED, port: 9090 }, OPEN]);
    ports.apply(instance);
    await soon(() => ask(url({ ...CLOSED, port: 9090 }), TOKEN)).toBe('200 from the workspace');
    await soon(() => ask(url(OPEN))).toBe('200 from the workspace');
    const served = { served: true, problem: '', connections: expect.any(Number) };
    expect(await ports.list(instance)).toEqual([
      { port: 8080, visibility: 1, protocol: 0, url: url(OPEN), forwardedFrom: at(OPEN), ...served },
      {
        port: 9090,
        visibility: 0,
        protocol: 0,
        url: url({ ...CLOSED, port: 9090 }),
        forwardedFrom: at({ ...CLOSED, port: 9090 }),
        ...served,
      },
    ]);
    program = undefined;
    expect((await ports.list(instance))[0]).toMatchObject({
      served: false,
      problem: 'no program of the workspace listens on it',
    });
    instance.stop();
    await soon(async () => (await ports.list(instance))[0]?.problem ?? '').toBe('the instance does not run');
  });

  test('of a program that speaks HTTPS is told so only where nothing stands before it', async () => {
    await ports.check(id, [OPEN]);
    expect(url({ ...OPEN, protocol: 'https' })).toMatch(/^https:/);
    expect(url({ ...CLOSED, protocol: 'https' })).toMatch(/^http:/);
  });
});

describe('host ports', () => {
  /** As a change of the record is: it may be refused. */
  const expose = (instance: Recorded, port: Port) =>
    ports.adding(instance, port, async () =>
      instance.note([...(instance.record?.settings.ports ?? []), port]),
    );

  test('of a change that is refused are given back', async () => {
    const instance = new Recorded([OPEN]);
    const refused = ports.adding(instance, { ...OPEN, port: 9090 }, () =>
      Promise.reject(new Error('too many')),
    );
    await expect(refused).rejects.toThrow('too many');
    await soon(async () => url({ ...OPEN, port: 9090 })).toBe('none');
  });

  test('of a change that is refused are kept when another one wants the same', async () => {
    const instance = new Recorded([]);
    const [later, first] = [gate(), gate()];
    first.promise.catch(() => undefined);
    const refused = ports.adding(instance, OPEN, () => first.promise);
    const accepted = ports.adding(instance, OPEN, async () => {
      await later.promise;
      instance.note([OPEN]);
    });
    first.reject(new Error('too many'));
    await expect(refused).rejects.toThrow();
    const address = url(OPEN);
    later.resolve();
    await accepted;
    expect(address).not.toBe('none');
    expect(url(OPEN)).toBe(address);
  });

  test('are never used up by an instance that does not run', async () => {
    const instance = new Recorded([]);
    instance.record = { settings: { ports: [] }, life: { ...RUNNING, command: { state: 'none' } } };
    for (let number = 1; number <= 40; number += 1) {
      await expose(instance, { ...OPEN, port: number });
      instance.expose([]);
    }
    await soon(async () => url({ ...OPEN, port: 40 })).toBe('none');
  });

  test('of one that has stopped are free again', async () => {
    const instance = new Recorded([OPEN]);
    ports.apply(instance);
    await soon(() => ask(url(OPEN))).toBe('200 from the workspace');
    instance.record = { settings: { ports: [OPEN] }, life: { ...RUNNING, disposal: 'backed-up' } };
    ports.apply(instance);
    await soon(async () => url(OPEN)).toBe('none');
  });

  test('of one that nobody knows any more are free again', async () => {
    const other = instanceId('instance-2');
    await ports.check(id, [OPEN]);
    await ports.check(other, [OPEN]);
    await ports.forgetOthers(new Set([other]));
    expect(ports.urlOf(id, OPEN)).toBeUndefined();
    expect(ports.urlOf(other, OPEN)).toBeDefined();
  });

  test('that are all taken are told so, before anything is exposed', async () => {
    range = { ...range, last: range.first };
    ports = await another();
    await ports.check(id, [OPEN]);
    await expect(ports.check(id, [OPEN])).resolves.toBeUndefined();
    await expect(ports.check(instanceId('instance-2'), [OPEN])).rejects.toMatchObject({
      code: 'overloaded',
      message: expect.stringContaining(String(range.first)),
    });
    await ports.forget(id);
    await expect(ports.check(instanceId('instance-2'), [OPEN])).resolves.toBeUndefined();
  });

  test('of two instances are two, also for the same port', async () => {
    const other = instanceId('instance-2');
    await Promise.all([ports.check(id, [OPEN, CLOSED]), ports.check(other, [OPEN])]);
    expect(ports.urlOf(other, OPEN)).not.toBe(ports.urlOf(id, OPEN));
  });
});

function at(port: Port): string {
  return new URL(url(port)).host;
}

function workspace(): WorkspaceId {
  const name = 'workspace-1';
  if (!isWorkspaceId(name)) throw new Error(name);
  return name;
}

function owner(): OwnerId {
  const name = 'owner-1';
  if (!isOwnerId(name)) throw new Error(name);
  return name;
}
