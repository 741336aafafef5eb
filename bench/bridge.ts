import { setTimeout as pause } from 'node:timers/promises';
import { Installation } from './bridge-installation.js';
import type { PhaseName } from './bridge-manager-child.js';
import { inventory, reconnects } from './bridge-reconnects.js';
import { type BridgeServers, startServers } from './bridge-servers.js';
import type { Measuring } from './measuring.js';
import { mebibytes, milliseconds, notMeasured, type Row } from './row.js';

const LIFE: readonly PhaseName[] = ['pending', 'creating', 'initializing', 'running', 'stopping', 'stopped'];
const CPU_MOST = 0.08;

/** A bridge on MariaDB and Redis, told by a manager over gRPC; the reference is what the known bridge reached on two cores. */
export async function benchBridge(measuring: Measuring): Promise<readonly Row[]> {
  const servers = await startServers();
  if (typeof servers === 'string') return [notMeasured('the bridge', servers)];
  try {
    const rows = [
      ...(await measure(servers, measuring, throughput)),
      ...(await measure(servers, measuring, latency)),
      ...(await measure(servers, measuring, reconnects)),
      ...(await measure(servers, measuring, memory)),
      ...(await measure(servers, measuring, inventory)),
    ];
    return rows;
  } finally {
    await servers.stop();
  }
}

/** Each on a database, a manager and a bridge of its own. */
async function measure(
  servers: BridgeServers,
  measuring: Measuring,
  run: (bench: Installation, scale: number) => Promise<readonly Row[]>,
): Promise<readonly Row[]> {
  const installation = await Installation.start(servers, measuring.newFolder());
  try {
    return await run(installation, measuring.scale);
  } finally {
    await installation.stop();
  }
}

async function throughput(bench: Installation, scale: number): Promise<readonly Row[]> {
  const scaled = (count: number) => Math.max(1, Math.round(count * scale));
  const shapes = [
    {
      what: 'distinct instances',
      count: scaled(20_000),
      phases: ['running'],
      rounds: 1,
      reference: 640,
      least: 10_000,
    },
    {
      what: '50 instances × 200 updates',
      count: 50,
      phases: ['running'],
      rounds: scaled(200),
      reference: 670,
      least: 10_000,
    },
    {
      what: 'one instance × 1000 updates',
      count: 1,
      phases: ['running'],
      rounds: scaled(1_000),
      reference: 340,
      least: 5_000,
    },
    {
      what: 'whole lives of 6 updates',
      count: scaled(3_000),
      phases: LIFE,
      rounds: 1,
      reference: 780,
      least: 10_000,
    },
  ] as const;
  const rows: Row[] = [];
  await warmUp(bench, scaled(40_000));
  for (const { what, count, phases, rounds, reference, least } of shapes) {
    await bench.renew(count);
    const before = bench.bridge.cpuSeconds();
    const { startedAt, updates } = await bench.order({ do: 'tell', count, phases, rounds });
    const seconds = ((await bench.allFinal(count)) - startedAt) / 1_000;
    const cpu = (bench.bridge.cpuSeconds() - before) / (updates / 1_000);
    const perSecond = updates / seconds;
    rows.push(
      {
        ...{
          what: `updates a second, ${what}`,
          ours: `${Math.round(perSecond)} /s`,
          against: `${reference} /s (reference)`,
        },
        ...{
          result: `${(perSecond / reference).toFixed(0)} ×`,
          target: `≥ ${least} /s`,
          isMet: perSecond >= least,
        },
      },
      {
        ...{
          what: `CPU seconds of the bridge per 1000 updates, ${what}`,
          ours: cpu.toFixed(3),
          against: '1.6 (reference)',
        },
        ...{ result: cpu.toFixed(3), target: `≤ ${CPU_MOST}`, isMet: cpu <= CPU_MOST },
      },
    );
  }
  return rows;
}

/** Not measured: what a bridge compiles with its first updates; a bridge is started once and then runs for weeks. */
async function warmUp(bench: Installation, count: number): Promise<void> {
  await bench.renew(count);
  await bench.order({ do: 'tell', count, phases: ['running'], rounds: 1 });
  await bench.allFinal(count);
}

async function latency(bench: Installation, scale: number): Promise<readonly Row[]> {
  const count = Math.max(100, Math.round(2_000 * scale));
  await bench.renew(count);
  const heard = await bench.hearEvents();
  // Not measured: what is compiled, connected and prepared with the first updates.
  await bench.order({ do: 'pace', from: 0, count: 100, everyMs: 10 });
  const { sent } = await bench.order({ do: 'pace', from: 0, count, everyMs: 10 });
  await pause(500);
  const waits = Object.entries(sent)
    .slice(100)
    .map(([id, at]) => (heard.get(id) ?? Number.POSITIVE_INFINITY) - at);
  waits.sort((one, other) => one - other);
  const at = (share: number) =>
    waits[Math.min(waits.length - 1, Math.floor(waits.length * share))] ?? Number.NaN;
  return (
    [
      ['p50', 0.5, 4.9, 4],
      ['p99', 0.99, 10.7, 10],
    ] as const
  ).map(([name, share, reference, most]) => ({
    ...{ what: `stream to committed row and Redis at 100 updates/s, ${name}`, ours: milliseconds(at(share)) },
    ...{ against: `${reference} ms (reference, to the row)`, result: milliseconds(at(share)) },
    ...{ target: `≤ ${most} ms`, isMet: at(share) <= most },
  }));
}

async function memory(bench: Installation, scale: number): Promise<readonly Row[]> {
  const count = Math.max(100, Math.round(50_000 * scale));
  const base = await bench.bridge.settled();
  await bench.renew(count);
  await bench.order({ do: 'tell', count, phases: ['running'], rounds: 1 });
  await bench.allFinal(count);
  const live = await bench.bridge.settled();
  await bench.forget();
  await bench.order({ do: 'tell', count, phases: ['stopped'], rounds: 1 });
  await bench.allFinal(count);
  const after = await bench.bridge.settled();
  return [
    {
      ...{ what: `resident with ${count} live instances`, ours: mebibytes(live) },
      ...{
        against: '1.3 GiB (reference)',
        result: mebibytes(live),
        target: '≤ 250 MiB',
        isMet: live <= 250 * 2 ** 20,
      },
    },
    {
      ...{
        what: 'and after they have stopped',
        ours: mebibytes(after),
        against: `${mebibytes(base)} at the start`,
      },
      ...{ result: mebibytes(after), target: '–', isMet: undefined },
    },
  ];
}
