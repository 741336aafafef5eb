import type { Facts } from '../../src/explanation/facts.js';
import { Backup } from '../../src/gen/steward/v1/backup.js';
import { ContentStatus } from '../../src/gen/steward/v1/content.js';
import { InstanceState } from '../../src/gen/steward/v1/instance.js';
import { Transition } from '../../src/gen/steward/v1/transition.js';
import { WorkspaceContentState } from '../../src/gen/ws-daemon-api/daemon.js';
import { WorkspacePhase } from '../../src/gen/ws-manager-api/core.js';

/** When the explanations of these tests are asked for. */
export const NOW = Date.UTC(2026, 10, 21, 14, 0, 0);
export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;

export function ago(milliseconds: number): bigint {
  return BigInt(NOW - milliseconds);
}

export function ahead(milliseconds: number): bigint {
  return BigInt(NOW + milliseconds);
}

type Wanted = Partial<Omit<Facts, 'content' | 'instance' | 'transitions'>> & {
  readonly content?: Partial<ContentStatus>;
  readonly instance?: Partial<InstanceState>;
  /** `actor from → to cause: detail`, a second apart, the last one a second ago. */
  readonly history?: readonly string[];
};

/** Facts about the instance `i-1` of `w`, owner `ada`. */
export function factsOf({ content, instance, history = [], ...rest }: Wanted): Facts {
  return {
    id: 'i-1',
    now: NOW,
    unasked: '',
    content: content && { ...CONTENT, ...content },
    instance: instance && { ...INSTANCE, ...instance },
    transitions: history.map((line, index) => transition(line, (history.length - index) * SECOND)),
    ...rest,
  };
}

const IDENTITY = { instanceId: 'i-1', owner: 'ada', workspaceId: 'w' };

const CONTENT = ContentStatus.fromPartial({
  ...IDENTITY,
  state: WorkspaceContentState.AVAILABLE,
  step: 'available.idle',
  stepSinceMs: ago(2 * MINUTE),
});

const INSTANCE = InstanceState.fromPartial({
  ...IDENTITY,
  phase: WorkspacePhase.RUNNING,
  step: 'running',
  stepSinceMs: ago(2 * MINUTE),
});

export function backupOf(generation: bigint, createdMs: bigint): Backup {
  return Backup.fromPartial({ generation, createdMs });
}

export function transition(line: string, msAgo: number): Transition {
  const [, actor = '', from = '', to = '', cause = '', detail = ''] =
    /^(\S+) (\S+) → (\S+) ([^:\s]+)(?:: (.+))?$/.exec(line) ?? [];
  if (cause === '') throw new Error(`not a transition: ${line}`);
  return Transition.fromPartial({
    ...{ actor, from, to, cause, detail, instanceId: 'i-1', atMs: ago(msAgo), sequence: 1n, node: 'n' },
  });
}
