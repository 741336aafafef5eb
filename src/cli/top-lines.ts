import { briefDuration } from '../config/brief-duration.js';
import { formatBytes } from '../config/quantity.js';
import type { ContentStatus } from '../gen/steward/v1/content.js';
import type { NodeLoad, WorkQueue } from '../gen/steward/v1/content_service.js';
import type { WorkspaceStatus } from '../gen/ws-manager-api/core.js';
import type { Style } from './style.js';
import { type Column, tableLines } from './table.js';
import { contentStateName, phaseName } from './wire-names.js';

export interface TopFacts {
  readonly now: number;
  readonly statuses: readonly WorkspaceStatus[];
  readonly contents: ReadonlyMap<string, ContentStatus>;
  readonly nodes: readonly NodeLoad[];
}

/** Everything at a glance: how many of what, what each node has to do, and the instances, those in trouble first. */
export function topLines(facts: TopFacts, style: Style, width: number | undefined): readonly string[] {
  const rows = rowsOf(facts);
  const [nodeTitles = '', ...nodes] = tableLines(NODES, facts.nodes, width);
  const [titles = '', ...instances] = tableLines(columns(facts.now), rows, width);
  return [
    summary(facts, style),
    '',
    style.bold(nodeTitles),
    ...nodes,
    '',
    style.bold(titles),
    ...instances.map((line, index) => ((rows[index]?.trouble ?? '') === '' ? line : style.yellow(line))),
  ];
}

function summary({ statuses, nodes }: TopFacts, style: Style): string {
  const phases = new Map<string, number>();
  for (const { phase } of statuses) phases.set(phaseName(phase), (phases.get(phaseName(phase)) ?? 0) + 1);
  const told = [...phases].map(([phase, count]) => `${count} ${phase}`);
  const parked = nodes.reduce((sum, node) => sum + node.parked, 0);
  const atRisk = nodes.reduce((sum, node) => sum + node.backupsAtRisk, 0);
  const count = (number: number, what: string) =>
    number === 0 ? `0 ${what}` : style.red(`${number} ${what}`);
  return [
    `${statuses.length} ${statuses.length === 1 ? 'instance' : 'instances'}${told.length === 0 ? '' : `: ${told.join(', ')}`}`,
    count(atRisk, 'backups at risk'),
    count(parked, 'parked'),
  ].join('   ');
}

const NODES: readonly Column<NodeLoad>[] = [
  { title: 'NODE', value: ({ node }) => node },
  ...['setup', 'backup', 'snapshot'].map(
    (name): Column<NodeLoad> => ({
      title: `${name.toUpperCase()} QUEUE`,
      value: ({ queues }) => queueText(queues.find((queue) => queue.name === name)),
      whole: true,
    }),
  ),
  {
    title: 'DISK FREE',
    value: ({ diskFreeBytes: free, diskTotalBytes: total }) =>
      total === 0n ? '?' : `${formatBytes(Number(free))} of ${formatBytes(Number(total))}`,
    whole: true,
  },
  { title: 'REFUSES', value: ({ refusal }) => refusal },
];

function queueText(queue: WorkQueue | undefined): string {
  if (queue === undefined) return '-';
  const { running, slots, waiting, longestWaitMs } = queue;
  const wait = waiting === 0 ? '' : `, ${waiting} wait (${briefDuration(Number(longestWaitMs))})`;
  return `${running} of ${slots}${wait}`;
}

interface Row {
  readonly status: WorkspaceStatus;
  readonly content: ContentStatus | undefined;
  readonly trouble: string;
}

/** Trouble first, then the newest. */
function rowsOf({ statuses, contents }: TopFacts): readonly Row[] {
  const rows = statuses.map((status): Row => {
    const content = contents.get(status.id);
    return { status, content, trouble: troubleOf(status, content) };
  });
  return rows.sort(
    (a, b) =>
      Number(a.trouble === '') - Number(b.trouble === '') ||
      startedMs(b.status) - startedMs(a.status) ||
      (a.status.id < b.status.id ? -1 : 1),
  );
}

function troubleOf({ conditions, message }: WorkspaceStatus, content: ContentStatus | undefined): string {
  if (content?.parked !== undefined) return `parked: ${content.parked.reason}`;
  if (content?.backupAtRiskSinceMs !== undefined) return 'backup at risk';
  return conditions?.failed || conditions?.timeout || message || content?.failure?.message || '';
}

function columns(now: number): readonly Column<Row>[] {
  const since = (ms: bigint | number) => briefDuration(now - Number(ms));
  return [
    { title: 'INSTANCE', value: ({ status }) => status.id, whole: true },
    { title: 'WORKSPACE', value: ({ status }) => status.metadata?.metaId ?? '' },
    { title: 'PHASE', value: ({ status }) => phaseName(status.phase), whole: true },
    {
      title: 'CONTENT',
      value: ({ content }) => (content === undefined ? '-' : contentStateName(content.state)),
    },
    { title: 'STEP', value: ({ content }) => content?.step ?? '' },
    {
      title: 'FOR',
      value: ({ content }) => (content === undefined ? '' : since(content.stepSinceMs)),
      align: 'right',
      whole: true,
    },
    {
      title: 'SAVED',
      value: ({ content }) =>
        content?.lastBackup === undefined ? 'never' : `${since(content.lastBackup.createdMs)} ago`,
      align: 'right',
      whole: true,
    },
    { title: 'TROUBLE', value: ({ trouble }) => trouble },
  ];
}

function startedMs({ metadata }: WorkspaceStatus): number {
  return metadata?.startedAt?.getTime() ?? 0;
}
