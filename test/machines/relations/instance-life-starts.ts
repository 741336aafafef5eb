import type { LifeRecord } from '../../../machines/instance-life-types.js';
import { type Context, fresh, limits } from './instance-life-data.js';

/** One that comes back, of which so much is on disk. */
function back(name: string, on: Partial<Context>) {
  const {
    limits: _l,
    recorded: _r,
    deadline: _d,
    waitingFor: _w,
    pauses: _p,
    retryAt: _t,
    ...all
  } = {
    ...fresh,
    ...on,
  };
  const record: LifeRecord = all;
  return {
    name,
    input: { from: 'record', record, limits, at: 50_000 },
    state: 'recovering',
    context: {
      ...{ ...fresh, ...on, generation: 2, recorded: true },
      ...{ at: 50_000, deadline: 50_000, retryAt: 50_000 },
    } satisfies Context,
  };
}

const deployed = { begun: true, deployed: true } as const;
const running = { ...deployed, content: 'ready', command: { state: 'running' } } as const;

/** How a life begins, and where it may go on. */
export const starts = [
  {
    name: 'asked for',
    input: { from: 'request', identity: fresh.identity, kind: 'regular', limits, at: 1_000 },
    state: 'pending',
    context: fresh,
  },
  back('back before it began', {}),
  back('back before it had a place', { begun: true }),
  back('back while being set up', deployed),
  back('back before its command', { ...deployed, content: 'ready' }),
  back('back while it ran', running),
  back('back while its tasks ran', { ...running, kind: 'prebuild' }),
  back('back while an image was built', { ...running, kind: 'imagebuild' }),
  back('back on the way out', {
    ...running,
    stop: { graceMs: 30_000, aborted: false },
    killAt: 45_000,
    stoppingAt: 15_000,
  }),
  back('back after it timed out', { ...running, timedOut: 'took too long', stoppingAt: 15_000 }),
  back('back after its content failed', { ...deployed, content: 'failed', failure: 'no such branch' }),
];
