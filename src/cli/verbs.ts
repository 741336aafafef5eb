import type { Command } from 'commander';
import type { RunVerb } from './run-verb.js';

/** Adds a verb, with its options and what it does, to the command. */
export type AddVerb = (program: Command, run: RunVerb) => void;

export interface Verb {
  readonly name: string;
  readonly alias?: string;
  /** Heading of the help it stands under. */
  readonly group: string;
  /** Its code is loaded only when it is typed, or the help of all is wanted: the command is to answer at once. */
  load(): Promise<AddVerb>;
}

/** In the order of the help. */
export const VERBS: readonly Verb[] = [
  { name: 'up', group: 'The system:', load: async () => (await import('./up.js')).addUp },
  { name: 'daemon', group: 'The system:', load: async () => (await import('./daemon.js')).addDaemon },
  { name: 'manager', group: 'The system:', load: async () => (await import('./manager.js')).addManager },
  { name: 'bridge', group: 'The system:', load: async () => (await import('./bridge.js')).addBridge },
  { name: 'cluster', group: 'The system:', load: async () => (await import('./cluster.js')).addCluster },
  { name: 'tree', group: 'The system:', load: async () => (await import('./tree.js')).addTree },
  { name: 'doctor', group: 'The system:', load: async () => (await import('./doctor.js')).addDoctor },
  {
    name: 'maintenance',
    group: 'The system:',
    load: async () => (await import('./maintenance.js')).addMaintenance,
  },
  { name: 'context', group: 'The system:', load: async () => (await import('./context.js')).addContext },
  { name: 'config', group: 'The system:', load: async () => (await import('./config.js')).addConfig },
  {
    name: 'completion',
    group: 'The system:',
    load: async () => (await import('./completion.js')).addCompletion,
  },
  { name: 'machines', group: 'The system:', load: async () => (await import('./machines.js')).addMachines },
  { name: 'start', group: 'Workspaces:', load: async () => (await import('./start.js')).addStart },
  { name: 'list', alias: 'ls', group: 'Workspaces:', load: async () => (await import('./list.js')).addList },
  { name: 'top', group: 'Workspaces:', load: async () => (await import('./top.js')).addTop },
  { name: 'describe', group: 'Workspaces:', load: async () => (await import('./describe.js')).addDescribe },
  { name: 'why', group: 'Workspaces:', load: async () => (await import('./why.js')).addWhy },
  { name: 'exec', group: 'Workspaces:', load: async () => (await import('./exec.js')).addExec },
  { name: 'ports', group: 'Workspaces:', load: async () => (await import('./ports.js')).addPorts },
  { name: 'timeout', group: 'Workspaces:', load: async () => (await import('./timeout.js')).addTimeout },
  {
    name: 'admission',
    group: 'Workspaces:',
    load: async () => (await import('./admission.js')).addAdmission,
  },
  { name: 'stop', group: 'Workspaces:', load: async () => (await import('./stop.js')).addStop },
  { name: 'logs', group: 'Workspaces:', load: async () => (await import('./logs.js')).addLogs },
  { name: 'backup', group: 'Content:', load: async () => (await import('./backup.js')).addBackup },
  { name: 'snapshot', group: 'Content:', load: async () => (await import('./snapshot.js')).addSnapshot },
  { name: 'watch', group: 'Content:', load: async () => (await import('./watch.js')).addWatch },
  { name: 'history', group: 'Content:', load: async () => (await import('./history.js')).addHistory },
  { name: 'recover', group: 'Content:', load: async () => (await import('./recover.js')).addRecover },
  { name: 'content', group: 'Content:', load: async () => (await import('./content.js')).addContent },
  { name: 'backups', group: 'What is stored:', load: async () => (await import('./backups.js')).addBackups },
  {
    name: 'snapshots',
    group: 'What is stored:',
    load: async () => (await import('./snapshots.js')).addSnapshots,
  },
  { name: 'verify', group: 'What is stored:', load: async () => (await import('./verify.js')).addVerify },
  { name: 'restore', group: 'What is stored:', load: async () => (await import('./restore.js')).addRestore },
  { name: 'delete', group: 'What is stored:', load: async () => (await import('./delete.js')).addDelete },
  { name: 'drills', group: 'What is stored:', load: async () => (await import('./drills.js')).addDrills },
];

/** The verb that the words mean, as far as that is sure; `valued` are the global options that take a value. */
export function verbIn(words: readonly string[], valued: ReadonlySet<string>): Verb | undefined {
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (valued.has(word)) at += 1;
    else if (!word.startsWith('-')) return VERBS.find(({ name, alias }) => word === name || word === alias);
    // Of an option that is not known here nobody can say whether the next word is its value.
    else if (word === '--' || !FLAGS.test(word)) return undefined;
  }
  return undefined;
}

/** The options of `program` that take a value, under all their names. */
export function valuedOptions(program: Command): ReadonlySet<string> {
  const valued = program.options.filter(({ required }) => required);
  return new Set(valued.flatMap(({ short, long }) => [short ?? [], long ?? []].flat()));
}

/** Global options without a value, or with it behind `=`. */
const FLAGS = /^(--json|--quiet|-q|--[a-z-]+=.*)$/s;
