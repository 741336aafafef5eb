import { setMaxListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { MAILBOX_SENDERS_MAX } from '../../src/supervision/bounds.js';
import { Mailbox } from '../../src/supervision/mailbox.js';

const never = new AbortController().signal;
setMaxListeners(0, never);

describe('a mailbox', () => {
  it('gives messages out in the order they came', async () => {
    const mailbox = new Mailbox<number>(3, { kind: 'reject' });
    for (const message of [1, 2, 3]) mailbox.offer(message);
    expect(mailbox.depth).toBe(3);
    expect([await mailbox.take(never), await mailbox.take(never), await mailbox.take(never)]).toEqual([
      1, 2, 3,
    ]);
    expect(mailbox.depth).toBe(0);
  });

  it('gives a message straight to a taker that waits, the first taker first', async () => {
    const mailbox = new Mailbox<string>(1, { kind: 'reject' });
    const takers = [mailbox.take(never), mailbox.take(never)];
    expect([mailbox.offer('a'), mailbox.offer('b')]).toEqual(['accepted', 'accepted']);
    expect(await Promise.all(takers)).toEqual(['a', 'b']);
  });

  it('refuses one message too many under reject, and counts it', () => {
    const mailbox = new Mailbox<number>(1, { kind: 'reject' });
    expect([mailbox.offer(1), mailbox.offer(2)]).toEqual(['accepted', 'full']);
    expect(mailbox.counts).toEqual({ dropped: 0, refused: 1, coalesced: 0 });
  });

  it('drops the message that waited longest under drop-oldest', async () => {
    const mailbox = new Mailbox<number>(2, { kind: 'drop-oldest' });
    expect([1, 2, 3].map((message) => mailbox.offer(message))).toEqual([
      'accepted',
      'accepted',
      'accepted-oldest-dropped',
    ]);
    expect([await mailbox.take(never), await mailbox.take(never)]).toEqual([2, 3]);
    expect(mailbox.counts.dropped).toBe(1);
  });

  it('lets senders wait for room under block, first come, first served', async () => {
    const mailbox = new Mailbox<number>(1, { kind: 'block' });
    const sent = [mailbox.send(1, never), mailbox.send(2, never), mailbox.send(3, never)];
    expect(mailbox.depth).toBe(1);
    expect([await mailbox.take(never), await mailbox.take(never), await mailbox.take(never)]).toEqual([
      1, 2, 3,
    ]);
    expect(await Promise.all(sent)).toEqual(['accepted', 'accepted', 'accepted']);
  });

  it('forgets a waiting sender whose signal aborts, and delivers nothing of it', async () => {
    const mailbox = new Mailbox<number>(1, { kind: 'block' });
    mailbox.offer(1);
    const deadline = new AbortController();
    const sent = mailbox.send(2, deadline.signal);
    deadline.abort(new Error('too late'));
    await expect(sent).rejects.toThrow('too late');
    expect(await mailbox.take(never)).toBe(1);
    expect(mailbox.depth).toBe(0);
  });

  it('bounds the senders that wait', async () => {
    const mailbox = new Mailbox<number>(1, { kind: 'block' });
    mailbox.offer(0);
    for (let sender = 0; sender < MAILBOX_SENDERS_MAX; sender += 1) void mailbox.send(sender, never);
    expect(await mailbox.send(1, never)).toBe('full');
  });

  it('replaces a waiting message of the same key in its place under coalesce, even when full', async () => {
    const mailbox = new Mailbox<{ key: string; value: number }>(2, {
      kind: 'coalesce',
      keyOf: ({ key }) => key,
    });
    mailbox.offer({ key: 'a', value: 1 });
    mailbox.offer({ key: 'b', value: 2 });
    expect(mailbox.offer({ key: 'a', value: 3 })).toBe('coalesced');
    expect(mailbox.offer({ key: 'c', value: 4 })).toBe('full');
    expect(await mailbox.take(never)).toEqual({ key: 'a', value: 3 });
    expect(await mailbox.take(never)).toEqual({ key: 'b', value: 2 });
  });

  it('merges under coalesce what must not be missed', async () => {
    const merge = (waiting: readonly string[], newer: readonly string[]) => [...waiting, ...newer];
    const mailbox = new Mailbox<readonly string[]>(1, { kind: 'coalesce', keyOf: () => 'one', merge });
    mailbox.offer(['running']);
    mailbox.offer(['stopping']);
    expect(await mailbox.take(never)).toEqual(['running', 'stopping']);
  });

  it('takes nothing for a taker whose signal aborted', async () => {
    const mailbox = new Mailbox<number>(1, { kind: 'reject' });
    const patience = new AbortController();
    const taken = mailbox.take(patience.signal);
    patience.abort(new Error('gone'));
    await expect(taken).rejects.toThrow('gone');
    mailbox.offer(1);
    expect(await mailbox.take(never)).toBe(1);
  });

  it('answers everybody when it is closed, and still gives out what waits', async () => {
    const mailbox = new Mailbox<number>(1, { kind: 'block' });
    mailbox.offer(1);
    const sent = mailbox.send(2, never);
    mailbox.close();
    expect(await sent).toBe('closed');
    expect(mailbox.offer(3)).toBe('closed');
    expect(await mailbox.take(never)).toBe(1);
    expect(await mailbox.take(never)).toBeUndefined();
  });
});
