import { expect, it } from 'vitest';
import { NameQueues } from '../../../src/bridge/clusters/name-queues.js';

/** The published vector of the compatible system's queue, for one name. */
it('work on a name is done in the order it came, one at a time, and a failure is only its own', async () => {
  const queues = new NameQueues();
  const log: string[] = [];
  const work =
    (name: string, fails = false) =>
    async () => {
      log.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      log.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    };
  const results = await Promise.allSettled([
    queues.run('a', work('1')),
    queues.run('a', work('2', true)),
    queues.run('a', work('3')),
  ]);
  expect(log).toEqual(['1 begins', '1 ends', '2 begins', '2 ends', '3 begins', '3 ends']);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

it('work on other names goes on meanwhile', async () => {
  const queues = new NameQueues();
  let release: () => void = () => undefined;
  const held = queues.run('a', () => new Promise<void>((resolve) => (release = resolve)));
  expect(await queues.run('b', async () => 'done')).toBe('done');
  release();
  await held;
});
