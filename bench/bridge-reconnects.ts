import { setTimeout as pause } from 'node:timers/promises';
import type { Installation } from './bridge-installation.js';
import { idOf } from './bridge-names.js';
import { mebibytes, milliseconds, type Row } from './row.js';

/** Told while everything is caught up with: how many, and one after the other in so long. */
const LIVE = 20;
const LIVE_EVERY_MS = 50;
const LIVE_MOST_MS = 200;
const HEARD_DEADLINE_MS = 60_000;
/** The known bridge never subscribes again beyond. */
const REFERENCE_INVENTORY = 18_800;

export async function reconnects(bench: Installation, scale: number): Promise<readonly Row[]> {
  const count = Math.max(100, Math.round(10_000 * scale));
  const heard = await bench.hearEvents();
  const rows: Row[] = [];
  for (const [what, share, reference, most] of [
    ['nothing', 0, 3_100, 1_000],
    ['a tenth', 0.1, 5_200, 3_000],
    ['everything', 1, 18_000, 3_000],
    ['everything', 1, undefined, undefined],
  ] as const) {
    const changed = Math.max(1, Math.round(count * share));
    await bench.renew(count + LIVE);
    await bench.order({ do: 'tell', count, phases: ['creating'], rounds: 1 });
    await bench.allFinal(count);
    await bench.forget();
    await bench.order({ do: 'know', count, changed, phase: 'running' });
    const { cutAt } = await bench.order({ do: 'cut' });
    if (reference === undefined) {
      rows.push(await live(bench, count, heard));
      await bench.allFinal(count, changed);
      continue;
    }
    const took = (await bench.allFinal(count, changed)) - cutAt;
    rows.push({
      ...{ what: `caught up after a cut with ${count} instances, ${what} changed`, ours: milliseconds(took) },
      ...{ against: `${milliseconds(reference)} (reference)`, result: `${(took / reference).toFixed(2)} ×` },
      ...{ target: `≤ ${most} ms`, isMet: took <= most },
    });
  }
  return rows;
}

/** The longest way of an update that is told from the new subscription on, while `count` instances are listed and written. */
async function live(bench: Installation, count: number, heard: ReadonlyMap<string, number>): Promise<Row> {
  const { sent } = await bench.order({ do: 'pace', from: count, count: LIVE, everyMs: LIVE_EVERY_MS });
  const ids = Array.from({ length: LIVE }, (_, index) => idOf(count + index));
  const deadline = performance.now() + HEARD_DEADLINE_MS;
  while (!ids.every((id) => heard.has(id)) && performance.now() < deadline) await pause(1);
  const waits = ids.map((id) => (heard.get(id) ?? Number.POSITIVE_INFINITY) - (sent[id] ?? Number.NaN));
  const longest = Math.max(...waits);
  return {
    ...{
      what: `longest of ${LIVE} live updates meanwhile, to the row and Redis`,
      ours: milliseconds(longest),
    },
    ...{ against: '13.0 s (reference)', result: milliseconds(longest) },
    ...{ target: `≤ ${LIVE_MOST_MS} ms`, isMet: longest <= LIVE_MOST_MS },
  };
}

/** A list that is larger than what gRPC takes by itself: taken at all, and how much memory for. */
export async function inventory(bench: Installation, scale: number): Promise<readonly Row[]> {
  const count = Math.max(100, Math.round(100_000 * scale));
  await bench.renew(count);
  await bench.order({ do: 'know', count, changed: count, phase: 'running' });
  bench.bridge.forgetPeak();
  const { cutAt } = await bench.order({ do: 'cut' });
  const took = (await bench.allFinal(count)) - cutAt;
  const peak = bench.bridge.peak();
  return [
    {
      ...{
        what: `an inventory of ${count} workspaces, everything new, in their rows`,
        ours: milliseconds(took),
      },
      ...{
        against: `never (reference, beyond ${REFERENCE_INVENTORY})`,
        result: 'taken',
        target: '–',
        isMet: undefined,
      },
    },
    {
      ...{ what: 'resident at most meanwhile', ours: mebibytes(peak), against: '–', result: mebibytes(peak) },
      ...{ target: '–', isMet: undefined },
    },
  ];
}
