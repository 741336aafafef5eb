import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { callContext, type RealCore, realCore, stewardCallsOf } from '../support/core.js';
import { emptyWorkspace } from '../support/real-daemon.js';

let core: RealCore;
let steward: ReturnType<typeof stewardCallsOf>;

beforeAll(async () => {
  core = await realCore();
  steward = stewardCallsOf(core);
  await core.calls.initWorkspace(emptyWorkspace('i1'), callContext());
});
afterAll(() => core.close());

const explain = () => steward.explain({ instanceId: 'i1' }, callContext());

it('explains content in use, and shows the way it came', async () => {
  // What was answered is on disk; the history is written right after.
  const answer = await vi.waitUntil(async () => {
    const found = await explain();
    return found.path.some(({ to }) => to === 'available.idle') && found;
  });
  const { explanation, content, instance } = answer;
  expect(explanation).toMatch(
    /^The content of i1 is in use, since .+ UTC \(.+ ago\)\. It has no backup yet\.$/,
  );
  expect(content?.instanceId).toBe('i1');
  expect(instance).toBeUndefined();
});

it('counts the instances of the node, and the slots of its queues', async () => {
  const { nodes } = await steward.getLoad({}, callContext());
  expect(nodes).toMatchObject([{ node: 'here', instancesByState: { AVAILABLE: 1 }, parked: 0, refusal: '' }]);
  expect(nodes[0]?.queues.map(({ name, slots }) => [name, slots > 0])).toEqual([
    ['setup', true],
    ['backup', true],
    ['snapshot', true],
  ]);
});

it('explains what is gone as long as it is remembered', async () => {
  await core.calls.disposeWorkspace({ id: 'i1', backup: true, backupLogs: false }, callContext());
  const { explanation, options } = await explain();
  expect(explanation).toMatch(/^The content of i1 is gone from the node, .+ Its newest backup is version 1/);
  expect(options.map(({ command }) => command.join(' '))).toEqual([
    'start --workspace w1 --owner o1 --from-backup --wait',
  ]);
});

it('knows nothing of others', async () => {
  await expect(steward.explain({ instanceId: 'i2' }, callContext())).rejects.toMatchObject({
    code: 'unknown-instance',
  });
  await expect(steward.explain({ instanceId: '' }, callContext())).rejects.toMatchObject({
    code: 'invalid-argument',
  });
});
