import type { ContentStatus } from '../gen/steward/v1/content.js';
import type { InstanceState } from '../gen/steward/v1/instance.js';
import { WorkspacePhase } from '../gen/ws-manager-api/core.js';
import type { Facts, Option } from './facts.js';

/** What a person can do, the gentlest first. Nothing is hidden: abandoning comes last and says what it costs. */
export function optionsFor(facts: Facts): readonly Option[] {
  const { content, instance } = facts;
  const remedy = content?.failure?.remedy ?? '';
  return [
    ...(remedy === '' || isOver(facts) ? [] : [{ what: remedy, command: [] }]),
    ...(content === undefined ? [] : forContent(facts.id, content)),
    ...(instance === undefined ? [] : forInstance(facts.id, instance)),
    ...forNext(facts),
  ];
}

/** Steps in which the content waits for something to become better. */
const TROUBLED: ReadonlySet<string> = new Set([
  'wrappingUp.pausing',
  'wrappingUp.stranded',
  'wrappingUp.retrying',
  'wrappingUp.retryingRemoval',
]);

function forContent(id: string, content: ContentStatus): readonly Option[] {
  if (content.parked !== undefined) {
    return [{ what: 'Let it go on, with all its restarts.', command: recover(id, '--resume') }, abandon(id)];
  }
  if (TROUBLED.has(content.step)) {
    return [
      { what: 'Try again now, without waiting for the pause to end.', command: recover(id, '--retry') },
      { what: 'Stop trying and keep everything as it is.', command: recover(id, '--park') },
      abandon(id),
    ];
  }
  return content.backupAtRiskSinceMs === undefined
    ? []
    : [{ what: 'Try a backup now.', command: ['backup', id] }];
}

function recover(id: string, action: string): readonly string[] {
  return ['recover', id, action, '--reason', 'WHY'];
}

function abandon(id: string): Option {
  return {
    what: 'Give the content up; what was not saved is lost.',
    command: [...recover(id, '--abandon'), '--yes'],
  };
}

function forInstance(id: string, { parked, phase, stop, timeouts }: InstanceState): readonly Option[] {
  if (parked !== '') return [{ what: 'Start its actor again.', command: recover(id, '--resume') }];
  switch (phase) {
    case WorkspacePhase.RUNNING:
      return [
        ...(timeouts.length === 0
          ? []
          : [{ what: 'Give it more time without activity.', command: ['timeout', id, '3h'] }]),
        { what: 'Stop it; its content is saved first.', command: ['stop', id, '--wait'] },
      ];
    case WorkspacePhase.PENDING:
    case WorkspacePhase.CREATING:
    case WorkspacePhase.INITIALIZING:
      return [{ what: 'End it; there is nothing to save yet.', command: ['stop', id, '--wait'] }];
    case WorkspacePhase.STOPPING:
      if (stop === undefined || stop.killMs === undefined) return [];
      return [{ what: 'Give its command no more time to end by itself.', command: ['stop', id, '--now'] }];
    default:
      return [];
  }
}

function isOver({ content, instance }: Facts): boolean {
  return instance === undefined ? content?.step === 'gone' : instance.phase === WorkspacePhase.STOPPED;
}

/** After its end the workspace lives on in its backups. */
function forNext(facts: Facts): readonly Option[] {
  const { content, instance, id } = facts;
  if (!isOver(facts)) return [];
  const workspace = instance?.workspaceId ?? content?.workspaceId ?? '';
  const owner = instance?.owner ?? content?.owner ?? '';
  if (content?.lastBackup === undefined) return [{ what: 'See each step of it.', command: ['history', id] }];
  const start = ['start', '--workspace', workspace, '--owner', owner, '--from-backup', '--wait'];
  return [{ what: 'Go on with the workspace from its newest backup.', command: start }];
}
