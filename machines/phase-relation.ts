/**
 * The phases an instance's row can have, and which may follow which. Written once, as data: the pipeline that
 * merges updates, the guard in the SQL of every write and the documentation read this table.
 *
 * Contract:
 * - `unknown`, `preparing` and `building` are set by whoever creates rows, never by a bridge; any phase may
 *   follow them.
 * - `pending`, `creating` and `initializing` may follow each other in any order: a container that was refused
 *   before it was ready is created again, from `pending`.
 * - `running` and `interrupted` may follow each other; nothing that has run starts again.
 * - `stopping` is followed by `stopped` only, and `stopped` by nothing.
 *
 * The relation is total and transitive (of two phases at least one may follow the other). Merging of waiting
 * updates depends on both, so a change here that breaks one of them is a change of the pipeline.
 */
export const rowPhases = [
  'unknown',
  'preparing',
  'building',
  'pending',
  'creating',
  'initializing',
  'running',
  'interrupted',
  'stopping',
  'stopped',
] as const;

export type RowPhase = (typeof rowPhases)[number];

const ending = ['stopping', 'stopped'] as const;
const live = ['running', 'interrupted', ...ending] as const;
const starting = ['pending', 'creating', 'initializing', ...live] as const;

export const phaseSuccessors: Readonly<Record<RowPhase, readonly RowPhase[]>> = {
  unknown: rowPhases,
  preparing: rowPhases,
  building: rowPhases,
  pending: starting,
  creating: starting,
  initializing: starting,
  running: live,
  interrupted: live,
  stopping: ending,
  stopped: ['stopped'],
};

/** Whether a row in phase `from` may be written with phase `to`; a phase may always follow itself. */
export function mayFollow(from: RowPhase, to: RowPhase): boolean {
  return phaseSuccessors[from].includes(to);
}

export function isRowPhase(text: string): text is RowPhase {
  return rowPhases.some((phase) => phase === text);
}
