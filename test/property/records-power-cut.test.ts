import { describe, expect, it } from 'vitest';
import { type InstanceId, isInstanceId } from '../../machines/ids.js';
import type { Transition } from '../../machines/transition.js';
import { seededFileFaults } from '../../src/gateways/simulated/file-faults.js';
import { SimulatedWorld } from '../../src/gateways/simulated/world.js';
import type { RecordAlarm } from '../../src/records/alarm.js';
import { Journal } from '../../src/records/journal.js';
import { Publisher } from '../../src/records/publisher.js';
import { RecordStore } from '../../src/records/record-store.js';

const SEEDS = Array.from({ length: 150 }, (_, seed) => seed);

describe('records under faults and a power cut', () => {
  it('are each the last answered one or a newer one, whole, and none is set aside', async () => {
    for (const seed of SEEDS) {
      const world = SimulatedWorld.fromSeed(seed);
      const { store } = await openStore(world);
      world.files.faults = seededFileFaults(world.random.fork(), [
        { probability: 0.05, code: 'EIO' },
        { probability: 0.05, code: 'EIO', isDoneAnyway: true },
        { probability: 0.2, latencyMs: 5 },
      ]);
      const answered = new Map<string, number>();
      const writing = Array.from({ length: 40 }, (_, number) => {
        const key = `key-${number % 5}`;
        return store.write(key, number).then(
          () => answered.set(key, Math.max(number, answered.get(key) ?? 0)),
          () => undefined,
        );
      });
      await world.time.advance(world.random.integer(0, 60));
      void writing;
      const { records, alarms } = await loadAll(world.cutPower());
      expect(alarms, `seed ${seed}`).toEqual([]);
      for (const [key, number] of answered) {
        expect(records.get(key), `seed ${seed}, ${key}`).toBeGreaterThanOrEqual(number);
      }
    }
  });
});

describe('the stream under faults and a power cut', () => {
  it('never gives a sequence number twice, and keeps in the history what was seen', async () => {
    for (const seed of SEEDS) {
      const seen: number[] = [];
      let world = SimulatedWorld.fromSeed(seed);
      for (let life = 0; life < 3; life += 1) {
        const alarms: RecordAlarm[] = [];
        const publisher = await openPublisher(world, alarms);
        const now: number[] = [];
        publisher.onTransition(({ sequence }) => now.push(sequence));
        world.files.faults = seededFileFaults(world.random.fork(), [{ probability: 0.5, latencyMs: 3 }]);
        for (let step = 0; step < 20; step += 1) {
          publisher.publish({ at: 0, instance, actor: 'x', from: '', to: '', cause: '' }, { durable: true });
          await world.time.advance(world.random.integer(0, 4));
        }
        world = world.cutPower();
        const kept = (await (await openPublisher(world, alarms)).history(instance, 1_000)).map(
          (t) => t.sequence,
        );
        expect(kept, `seed ${seed}`).toEqual(expect.arrayContaining(now));
        expect(alarms).toEqual([]);
        seen.push(...now);
      }
      expect(seen, `seed ${seed}`).toEqual([...new Set(seen)].sort((a, b) => a - b));
    }
  });
});

const instance = instanceId('one');

function instanceId(text: string): InstanceId {
  if (!isInstanceId(text)) throw new Error(text);
  return text;
}

async function openStore(world: SimulatedWorld) {
  const alarms: RecordAlarm[] = [];
  const store = await RecordStore.open<number>(world, {
    folder: '/state/records',
    setAside: '/state/aside',
    schema: { version: 1, migrations: {}, parse: Number },
    onAlarm: (alarm) => alarms.push(alarm),
  });
  return { store, alarms };
}

async function loadAll(world: SimulatedWorld) {
  const { store, alarms } = await openStore(world);
  const records = new Map<string, number>();
  for await (const { key, body } of store.loadAll()) records.set(key, body);
  return { records, alarms };
}

async function openPublisher(world: SimulatedWorld, alarms: RecordAlarm[]): Promise<Publisher> {
  const onAlarm = (alarm: RecordAlarm) => alarms.push(alarm);
  const journal = await Journal.open<Transition>(world.files, { folder: '/state/history', onAlarm });
  return new Publisher(world.clock, journal, onAlarm);
}
