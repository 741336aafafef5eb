import { StewardError } from '../errors/steward-error.js';
import {
  NodeKind,
  NodeState,
  RestartType,
  type SupervisionNode,
  type SupervisionServiceService,
  SupervisionStrategy,
} from '../gen/steward/v1/supervision.js';
import type { Handlers } from '../grpc/service-types.js';
import { requiredText } from '../grpc/validation.js';
import type { Supervisor } from '../supervision/supervisor.js';
import type { ChildNode, RestartsInfo, SupervisorNode } from '../supervision/tree.js';
import { TREE_CHILDREN_MAX } from './bounds.js';

/** `steward.v1.SupervisionService` over one program's tree. */
export function supervisionHandlers(root: () => Supervisor): Handlers<SupervisionServiceService> {
  return {
    getTree: async ({ path, depth, childrenLimit }) => {
      const supervisor = path === '' ? root() : root().find(path);
      if (supervisor === undefined)
        throw new StewardError('invalid-argument', `no supervisor at path ${path}`);
      const children = childrenLimit > 0 ? Math.min(childrenLimit, TREE_CHILDREN_MAX) : TREE_CHILDREN_MAX;
      return {
        root: supervisorNode(supervisor.tree(), depth === 0 ? Number.POSITIVE_INFINITY : depth, children),
      };
    },
    retryChild: async ({ path, reason }, call) => {
      requiredText(reason, 'reason');
      const end = path.lastIndexOf('/');
      const supervisor = end < 0 ? root() : root().find(path.slice(0, end));
      const name = path.slice(end + 1);
      const result = await supervisor?.retryChild(name);
      const child = supervisor?.tree().children.find((candidate) => candidate.name === name);
      if (result?.result === 'started' && child !== undefined) {
        call.logger.warn({ path, reason, peer: call.peer }, 'a parked child was started again');
        return { child: childNode(child, 0, 0) };
      }
      throw new StewardError('wrong-state', `${path} is not a parked child`);
    },
  };
}

function supervisorNode(node: SupervisorNode, depth: number, childrenLimit: number): SupervisionNode {
  const shown = depth > 0 ? node.children.slice(0, childrenLimit) : [];
  return {
    ...blank(node.name, node.path),
    kind: NodeKind.NODE_KIND_SUPERVISOR,
    state: STATES[node.state],
    strategy: STRATEGIES[node.strategy],
    restarts: budgetOf(node.restarts),
    parkedReason: node.parked?.reason ?? '',
    sinceMs: BigInt(node.parked?.since ?? 0),
    children: shown.map((child) => childNode(child, depth - 1, childrenLimit)),
    childrenTotal: node.children.length,
  };
}

function childNode(child: ChildNode, depth: number, childrenLimit: number): SupervisionNode {
  const below =
    child.supervisor === undefined
      ? blank(child.name, child.path)
      : supervisorNode(child.supervisor, depth, childrenLimit);
  return {
    ...below,
    kind: child.kind === 'worker' ? NodeKind.NODE_KIND_WORKER : NodeKind.NODE_KIND_SUPERVISOR,
    state: STATES[child.state],
    restart: RESTARTS[child.restart],
    restarts: child.restarts === undefined ? below.restarts : budgetOf(child.restarts),
    lastError: child.lastError ?? '',
    nextRestartMs: child.nextRestartAt === undefined ? undefined : BigInt(child.nextRestartAt),
    generation: BigInt(child.generation),
    significant: child.significant,
    mailboxDepth: child.mailboxDepth,
    parkedReason: child.state === 'parked' ? (child.lastError ?? below.parkedReason) : below.parkedReason,
  };
}

function blank(name: string, path: string): SupervisionNode {
  return {
    name,
    path,
    kind: NodeKind.NODE_KIND_WORKER,
    state: NodeState.NODE_STATE_UNSPECIFIED,
    strategy: SupervisionStrategy.SUPERVISION_STRATEGY_UNSPECIFIED,
    restart: RestartType.RESTART_TYPE_UNSPECIFIED,
    restarts: undefined,
    lastError: '',
    sinceMs: 0n,
    generation: 0n,
    significant: false,
    parkedReason: '',
    children: [],
    childrenTotal: 0,
  };
}

function budgetOf({ used, left, periodMs }: RestartsInfo) {
  return { used, left, periodMs: BigInt(periodMs) };
}

const STRATEGIES = {
  'one-for-one': SupervisionStrategy.SUPERVISION_STRATEGY_ONE_FOR_ONE,
  'one-for-all': SupervisionStrategy.SUPERVISION_STRATEGY_ONE_FOR_ALL,
  'rest-for-one': SupervisionStrategy.SUPERVISION_STRATEGY_REST_FOR_ONE,
  dynamic: SupervisionStrategy.SUPERVISION_STRATEGY_DYNAMIC,
} as const;

const RESTARTS = {
  permanent: RestartType.RESTART_TYPE_PERMANENT,
  transient: RestartType.RESTART_TYPE_TRANSIENT,
  temporary: RestartType.RESTART_TYPE_TEMPORARY,
} as const;

const STATES = {
  starting: NodeState.NODE_STATE_STARTING,
  running: NodeState.NODE_STATE_RUNNING,
  waiting: NodeState.NODE_STATE_WAITING,
  parked: NodeState.NODE_STATE_PARKED,
  stopping: NodeState.NODE_STATE_STOPPING,
  stopped: NodeState.NODE_STATE_STOPPED,
} as const;
