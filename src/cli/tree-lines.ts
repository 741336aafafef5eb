import { briefDuration } from '../config/brief-duration.js';
import {
  NodeKind,
  NodeState,
  type SupervisionNode,
  SupervisionStrategy,
} from '../gen/steward/v1/supervision.js';
import { plainText } from './plain-text.js';
import type { Style } from './style.js';
import { nameIn } from './wire-names.js';

/** A tree of supervisors for people: who belongs to whom, and what is not as it should be. */
export function treeLines(root: SupervisionNode, style: Style, now: number): readonly string[] {
  return [nodeText(root, style, now), ...below(root, '', style, now)];
}

function below(node: SupervisionNode, indent: string, style: Style, now: number): readonly string[] {
  const { children, childrenTotal } = node;
  const hidden = childrenTotal - children.length;
  const lines = children.flatMap((child, index) => {
    const isLast = index === children.length - 1 && hidden === 0;
    const branch = style.dim(isLast ? '└─ ' : '├─ ');
    return [
      `${indent}${branch}${nodeText(child, style, now)}`,
      ...below(child, `${indent}${isLast ? '   ' : style.dim('│  ')}`, style, now),
    ];
  });
  return hidden === 0 ? lines : [...lines, `${indent}${style.dim(`└─ … ${hidden} more`)}`];
}

function nodeText(node: SupervisionNode, style: Style, now: number): string {
  const { restarts, mailboxDepth, nextRestartMs, lastError, parkedReason, childrenTotal } = node;
  const used = restarts?.used ?? 0;
  const words = [
    node.kind === NodeKind.NODE_KIND_SUPERVISOR ? style.bold(plainText(node.name)) : plainText(node.name),
    stateText(node, style),
    ...(node.kind === NodeKind.NODE_KIND_SUPERVISOR
      ? [
          style.dim(
            `${strategyName(node.strategy)}, ${childrenTotal} ${childrenTotal === 1 ? 'child' : 'children'}`,
          ),
        ]
      : []),
    ...(restarts === undefined || used === 0
      ? []
      : [
          style.yellow(
            `${used} of ${used + restarts.left} restarts used within ${briefDuration(Number(restarts.periodMs))}`,
          ),
        ]),
    ...(mailboxDepth === undefined || mailboxDepth === 0 ? [] : [`${mailboxDepth} waiting`]),
    ...(nextRestartMs === undefined ? [] : [`starts again in ${briefDuration(Number(nextRestartMs) - now)}`]),
    ...(lastError === '' || lastError === parkedReason
      ? []
      : [style.dim(`last failure: ${plainText(lastError)}`)]),
    ...(parkedReason === '' ? [] : [style.red(plainText(parkedReason))]),
  ];
  return words.join('  ');
}

function stateText({ state }: SupervisionNode, style: Style): string {
  const name = nodeStateName(state);
  if (state === NodeState.NODE_STATE_RUNNING) return style.green(name);
  return state === NodeState.NODE_STATE_PARKED ? style.red(name) : style.yellow(name);
}

function nodeStateName(state: NodeState): string {
  return nameIn(NodeState, state).replace('node-state-', '');
}

function strategyName(strategy: SupervisionStrategy): string {
  return nameIn(SupervisionStrategy, strategy).replace('supervision-strategy-', '');
}
