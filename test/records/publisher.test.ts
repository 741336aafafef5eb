import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type InstanceId, isInstanceId } from '../../machines/ids.js';
import type { Transition } from '../../machines/transition.js';
import { StewardError } from '../../src/errors/steward-error.js';
import { RealClock } from '../../src/gateways/real/clock.js';
import { RealFiles } from '../../src/gateways/real/files.js';
import type { RecordAlarm } from '../../src/records/alarm.js';
import { Journal } from '../../src/records/journal.js';
import type { NewTransition } from '../../src/records/pending-transitions.js';
import { Publisher } from '../../src/records/publisher.js';
import { RecordStore } from '../../src/records/record-store.js';
import type { StreamItem } from '../../src/records/subscriber-queue.js';
import { gate, interceptFiles } from '../support/intercepted-files.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const one = instance('one');
const two = instance('two');

describe('Publisher', () => {
  it('lets nobody see a transition before its record is on disk', async () => {
    const held = gate();
    let isHeld = false;
    const { root, publisher, seen } = await setUp();
    const files = interceptFiles(new RealFiles(), (operation, path) =>
      isHeld && operation === 'syncDirectory' && path.endsWith('records') ? held.passed : undefined,
    );
    await files.makeDirectory(join(root, 'records'));
    const store = await RecordStore.open(
      { files, clock: new RealClock() },
      {
        folder: join(root, 'records'),
        setAside: join(root, 'aside'),
        schema: { version: 1, migrations: {}, parse: (body) => body },
        onAlarm: () => undefined,
      },
    );
    isHeld = true;
    const subscriber = publisher.subscribe({ signal: new AbortController().signal });
    const streamed: StreamItem[] = [];
    const reading = take(subscriber, 1, streamed);
    const ticket = publisher.publish(step(one, 'a'), { durable: false });
    let isAnswered = false;
    const answer = publisher.settled(one).then(() => {
      isAnswered = true;
    });
    const written = store.write('one', { state: 'a' }).then(() => publisher.release(one, ticket));
    publisher.publish(step(two, 'b'), { durable: true });
    await publisher.settled(two);
    expect(seen.map(({ to }) => to)).toEqual(['b']);
    expect(isAnswered).toBe(false);
    held.open();
    await Promise.all([written, answer, reading]);
    await publisher.settled(one);
    expect(seen.map(({ to }) => to)).toEqual(['b', 'a']);
    expect(streamed).toMatchObject([{ transition: { to: 'b' } }]);
  });

  it('keeps the order within an instance, even if a later transition needs no record', async () => {
    const { publisher, seen } = await setUp();
    const ticket = publisher.publish(step(one, 'first'), { durable: false });
    publisher.publish(step(one, 'second'), { durable: true });
    publisher.publish(step(two, 'other'), { durable: true });
    await publisher.settled(two);
    expect(seen.map(({ to }) => to)).toEqual(['other']);
    publisher.release(one, ticket);
    await publisher.settled(one);
    expect(seen.map(({ to }) => to)).toEqual(['other', 'first', 'second']);
    expect(seen.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  });

  it('releases only what the record covers', async () => {
    const { publisher, seen } = await setUp();
    const first = publisher.publish(step(one, 'a'), { durable: false });
    const second = publisher.publish(step(one, 'b'), { durable: false });
    const partly = publisher.settled(one);
    publisher.release(one, first);
    publisher.publish(step(two, 'c'), { durable: true });
    await publisher.settled(two);
    expect(seen.map(({ to }) => to)).toEqual(['a', 'c']);
    publisher.release(one, second);
    await partly;
    expect(seen.map(({ to }) => to)).toEqual(['a', 'c', 'b']);
  });

  it('tells who waits why a record will never be written, and forgets what was held', async () => {
    const { publisher, seen } = await setUp();
    publisher.publish(step(one, 'told'), { durable: true });
    publisher.publish(step(one, 'never'), { durable: false });
    const waiting = publisher.settled(one);
    publisher.discard(one, new StewardError('record-not-written', 'The disk is full.'));
    await expect(waiting).rejects.toMatchObject({ code: 'record-not-written' });
    await publisher.settled(one);
    publisher.publish(step(one, 'later'), { durable: true });
    await publisher.settled(one);
    expect(seen.map(({ to }) => to)).toEqual(['told', 'later']);
  });

  it('has a transition in the history before anybody sees it', async () => {
    const { publisher, restart } = await setUp();
    const inHistory: Promise<readonly Transition[]>[] = [];
    publisher.onTransition(({ instance: id }) => inHistory.push(publisher.history(id, 10)));
    publisher.publish(step(one, 'a'), { durable: true });
    await publisher.settled(one);
    expect((await inHistory[0])?.map(({ to }) => to)).toEqual(['a']);
    const { publisher: again } = await restart();
    expect((await again.history(one, 10)).map(({ to }) => to)).toEqual(['a']);
  });

  it('resumes by sequence number, over a restart, without a gap or a repetition', async () => {
    const { publisher, restart } = await setUp();
    for (const to of ['a', 'b', 'c']) publisher.publish(step(one, to), { durable: true });
    await publisher.settled(one);
    const { publisher: again } = await restart();
    again.publish(step(one, 'd'), { durable: true });
    await again.settled(one);
    const stream = again.subscribe({ signal: new AbortController().signal, after: 2 });
    again.publish(step(one, 'e'), { durable: true });
    const items: StreamItem[] = [];
    await take(stream, 3, items);
    expect(items.map((item) => item.kind === 'transition' && item.transition.to)).toEqual(['c', 'd', 'e']);
  });

  it('tells a slow subscriber that it lost some, and lets it resume', async () => {
    const { publisher } = await setUp();
    const { signal } = new AbortController();
    const slow = publisher.subscribe({ signal, queueMax: 3 });
    for (let index = 1; index <= 10; index += 1)
      publisher.publish(step(one, String(index)), { durable: true });
    await publisher.settled(one);
    const items: StreamItem[] = [];
    for await (const item of slow) items.push(item);
    expect(items.map(({ kind }) => kind)).toEqual(['transition', 'transition', 'transition', 'lost']);
    const last = items.at(-1);
    const after = last?.kind === 'lost' ? last.resumeAfter : 0;
    const rest: StreamItem[] = [];
    await take(publisher.subscribe({ signal, after }), 7, rest);
    expect(rest.map((item) => item.kind === 'transition' && item.transition.to)).toEqual([
      '4',
      '5',
      '6',
      '7',
      '8',
      '9',
      '10',
    ]);
  });

  it('tells progress to those who want it, the newest only, and none of a step that is over', async () => {
    const { publisher } = await setUp();
    const { signal } = new AbortController();
    const note = (instance: InstanceId, bytes: number) => ({ at: 1, instance, step: 'cloning', bytes });
    const wanting = publisher.subscribe({ signal, wantsProgress: true, queueMax: 3 });
    const other = publisher.subscribe({ signal });
    publisher.progress(note(one, 1));
    publisher.publish(step(one, 'a'), { durable: true });
    await publisher.settled(one);
    publisher.progress(note(two, 1));
    publisher.progress(note(two, 2));
    const items: StreamItem[] = [];
    await take(wanting, 2, items);
    expect(items[0]).toMatchObject({ kind: 'transition', transition: { to: 'a' } });
    expect(items[1]).toEqual({ kind: 'progress', note: note(two, 2) });
    publisher.publish(step(one, 'b'), { durable: true });
    const others: StreamItem[] = [];
    await take(other, 2, others);
    expect(others.map(({ kind }) => kind)).toEqual(['transition', 'transition']);
  });

  it('ends a stream when its signal aborts', async () => {
    const { publisher } = await setUp();
    const abort = new AbortController();
    const items: StreamItem[] = [];
    const reading = take(publisher.subscribe({ signal: abort.signal }), 5, items);
    abort.abort();
    await reading;
    expect(items).toEqual([]);
  });

  it('goes on telling when the history cannot be written, and says which part is missing', async () => {
    const { publisher, alarms, seen } = await setUp((operation) => {
      if (operation === 'append') throw new Error('full');
    });
    publisher.publish(step(one, 'a'), { durable: true });
    await publisher.settled(one);
    expect(seen).toHaveLength(1);
    expect(alarms).toMatchObject([{ kind: 'history-gap', from: 1, to: 1, reason: 'full' }]);
  });

  it('lets nothing out under a number that could come twice, and goes on once the disk is mended', async () => {
    let failures = 3;
    const { publisher, alarms, seen } = await setUp((operation, path) => {
      if (operation === 'rename' && path.includes('reserved') && failures-- > 0) throw new Error('full');
    });
    publisher.publish(step(one, 'a'), { durable: true });
    await publisher.settled(one);
    expect(seen.map(({ to }) => to)).toEqual(['a']);
    expect(alarms.map(({ kind }) => kind)).toEqual(['stream-blocked', 'stream-blocked', 'stream-blocked']);
  });

  it('survives a listener that fails', async () => {
    const { publisher, alarms } = await setUp();
    publisher.onTransition(() => {
      throw new Error('listener broke');
    });
    publisher.publish(step(one, 'a'), { durable: true });
    await publisher.settled(one);
    expect(alarms).toEqual([{ kind: 'listener-failed', reason: 'listener broke' }]);
  });

  it('answers whoever still waits when it is closed', async () => {
    const { publisher } = await setUp();
    publisher.publish(step(one, 'a'), { durable: false });
    const waiting = publisher.settled(one);
    const closing = publisher.close();
    await expect(waiting).rejects.toMatchObject({ code: 'unavailable' });
    await closing;
    expect(() => publisher.publish(step(one, 'b'), { durable: true })).toThrow('stopping');
  });
});

async function setUp(before: Parameters<typeof interceptFiles>[1] = () => undefined) {
  const root = await temporaryFolder();
  const alarms: RecordAlarm[] = [];
  const start = async () => {
    const files = interceptFiles(new RealFiles(), before);
    const onAlarm = (alarm: RecordAlarm) => alarms.push(alarm);
    const journal = await Journal.open<Transition>(files, { folder: join(root, 'history'), onAlarm });
    const publisher = new Publisher(new RealClock(), journal, onAlarm);
    const seen: Transition[] = [];
    publisher.onTransition((transition) => seen.push(transition));
    return { publisher, seen };
  };
  return { root, alarms, restart: start, ...(await start()) };
}

async function take(stream: AsyncIterable<StreamItem>, count: number, into: StreamItem[]): Promise<void> {
  for await (const item of stream) {
    into.push(item);
    if (into.length === count) return;
  }
}

function step(id: InstanceId, to: string): NewTransition {
  return { at: 0, instance: id, actor: 'content', from: '', to, cause: 'TEST' };
}

function instance(text: string): InstanceId {
  if (!isInstanceId(text)) throw new Error(text);
  return text;
}
