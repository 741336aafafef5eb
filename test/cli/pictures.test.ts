import { describe, expect, it } from 'vitest';
import { styleFor } from '../../src/cli/style.js';
import { topLines } from '../../src/cli/top-lines.js';
import { treeLines } from '../../src/cli/tree-lines.js';
import { ContentStatus } from '../../src/gen/steward/v1/content.js';
import { NodeLoad } from '../../src/gen/steward/v1/content_service.js';
import {
  NodeKind,
  NodeState,
  SupervisionNode,
  SupervisionServiceService,
  SupervisionStrategy,
} from '../../src/gen/steward/v1/supervision.js';
import { GetInfoResponse, SystemServiceService } from '../../src/gen/steward/v1/system.js';
import { WorkspacePhase, WorkspaceStatus } from '../../src/gen/ws-manager-api/core.js';
import { startServer } from '../grpc/running-server.js';
import { steward } from './support/memory-cli.js';

const NOW = Date.UTC(2026, 0, 1, 12);
const plain = styleFor(false, {});

function node(name: string, change: Partial<SupervisionNode> = {}): SupervisionNode {
  const worker = { kind: NodeKind.NODE_KIND_WORKER, state: NodeState.NODE_STATE_RUNNING };
  return { ...SupervisionNode.fromPartial({}), name, ...worker, ...change };
}

function supervisor(
  name: string,
  children: readonly SupervisionNode[],
  total = children.length,
): SupervisionNode {
  return node(name, {
    kind: NodeKind.NODE_KIND_SUPERVISOR,
    strategy: SupervisionStrategy.SUPERVISION_STRATEGY_ONE_FOR_ONE,
    children: [...children],
    childrenTotal: total,
  });
}

describe('a tree', () => {
  it('shows who belongs to whom, and what is not as it should be', () => {
    const waiting = node('timer', {
      state: NodeState.NODE_STATE_WAITING,
      restarts: { used: 2, left: 1, periodMs: 60_000n },
      nextRestartMs: BigInt(NOW + 5_000),
      lastError: 'boom\u001b[2J',
      mailboxDepth: 4,
    });
    const parked = node('i-1', {
      state: NodeState.NODE_STATE_PARKED,
      parkedReason: 'too often',
      lastError: 'too often',
    });
    const tree = supervisor('daemon', [supervisor('instances', [parked, waiting], 7), node('last')]);
    expect(treeLines(tree, plain, NOW)).toEqual([
      'daemon  running  one-for-one, 2 children',
      '├─ instances  running  one-for-one, 7 children',
      '│  ├─ i-1  parked  too often',
      '│  ├─ timer  waiting  2 of 3 restarts used within 1m  4 waiting  starts again in 5.0s  last failure: boom\uFFFD[2J',
      '│  └─ … 5 more',
      '└─ last  running',
    ]);
  });
});

describe('top', () => {
  const status = (id: string, change: Partial<WorkspaceStatus> = {}): WorkspaceStatus => ({
    ...WorkspaceStatus.fromPartial({ metadata: { metaId: `w-${id}` } }),
    ...{ id, phase: WorkspacePhase.RUNNING },
    ...change,
  });
  const content = (change: Partial<ContentStatus>): ContentStatus => ({
    ...ContentStatus.fromPartial({ step: 'available.idle', stepSinceMs: BigInt(NOW - 60_000) }),
    ...change,
  });

  it('counts, shows the queues, and puts trouble first', () => {
    const load = NodeLoad.fromPartial({
      ...{ node: 'n1', diskFreeBytes: 2n ** 30n, diskTotalBytes: 2n ** 31n, backupsAtRisk: 1 },
      queues: [{ name: 'backup', running: 2, waiting: 3, slots: 2, longestWaitMs: 9_000n }],
    });
    const facts = {
      now: NOW,
      statuses: [status('a'), status('b'), status('c', { phase: WorkspacePhase.STOPPING })],
      contents: new Map([
        ['a', content({})],
        ['b', content({ backupAtRiskSinceMs: 1n })],
      ]),
      nodes: [load],
    };
    const lines = topLines(facts, plain, undefined).map((line) => line.replace(/ {2,}/g, ' | '));
    expect(lines).toEqual([
      '3 instances: 2 running, 1 stopping | 1 backups at risk | 0 parked',
      '',
      'NODE | SETUP QUEUE | BACKUP QUEUE | SNAPSHOT QUEUE | DISK FREE | REFUSES',
      'n1 | - | 2 of 2, 3 wait (9.0s) | - | 1Gi of 2Gi',
      '',
      'INSTANCE | WORKSPACE | PHASE | CONTENT | STEP | FOR | SAVED | TROUBLE',
      'b | w-b | running | none | available.idle | 1m | never | backup at risk',
      'a | w-a | running | none | available.idle | 1m | never',
      'c | w-c | stopping | - | never',
    ]);
  });

  it('keeps to the width of the terminal', () => {
    const facts = {
      now: NOW,
      statuses: [status('a', { message: 'x'.repeat(300) })],
      contents: new Map(),
      nodes: [],
    };
    for (const line of topLines(facts, plain, 90)) expect(line.length).toBeLessThanOrEqual(90);
  });
});

describe('a picture that stays', () => {
  async function watch(terminal: { readonly columns: number; readonly rows?: number } | undefined, env = {}) {
    const ended = new AbortController();
    let asked = 0;
    const { addresses } = await startServer((server) => {
      server.addService(SystemServiceService, {
        getInfo: async () => GetInfoResponse.fromPartial({ node: 'n1' }),
      });
      server.addService(SupervisionServiceService, {
        getTree: async ({ node: of }) => {
          asked += 1;
          if (asked > 2) ended.abort();
          return { root: supervisor(of === '' ? 'manager' : 'daemon', []) };
        },
        retryChild: async () => ({ child: undefined }),
      });
    });
    const args = ['--address', addresses[0] ?? '', 'tree', '--watch', '--every', '10ms'];
    return steward(args, { interrupted: ended.signal, env, ...(terminal === undefined ? {} : { terminal }) });
  }

  it('has the terminal for itself and gives it back, no line more than fits', async () => {
    const { stdout, code } = await watch({ columns: 80, rows: 2 });
    expect(stdout.startsWith('\u001b[?1049h\u001b[?25l')).toBe(true);
    expect(stdout.endsWith('\u001b[?25h\u001b[?1049l')).toBe(true);
    expect(stdout).toContain('\u001b[32mrunning\u001b[39m');
    expect(stdout).not.toContain('daemon');
    expect(code).toBe(0);
  });

  it('has no colours with NO_COLOR', async () => {
    expect((await watch({ columns: 80 }, { NO_COLOR: '1' })).stdout).not.toContain('\u001b[32m');
  });

  it('is told once where it does not change and there is no terminal', async () => {
    const { stdout } = await watch(undefined);
    expect(stdout).toBe(
      'manager  running  one-for-one, 0 children\ndaemon  running  one-for-one, 0 children\n',
    );
  });
});
