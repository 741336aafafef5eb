import { status } from '@grpc/grpc-js';
import { StewardError } from '../../src/errors/steward-error.js';
import { readAnswersTable } from '../support/answers-table.js';
import type { Life } from './life.js';
import type { InstanceModel } from './model.js';

/** By state and call, what docs/answers.md says comes when everything goes well. */
const TABLE = new Map(
  readAnswersTable().map(({ state, answers }) => [
    state,
    new Map(answers.map(({ call, answer }) => [call, answer.replace('waits → ', '')])),
  ]),
);

/**
 * What of the instance a row of the table is about; undefined: none, as of a set-up that is being undone. What is
 * being given up but not being removed yet may answer as either.
 */
export function rowsOf(life: Life, { id }: InstanceModel): readonly (string | undefined)[] {
  const { instances } = life.core;
  if (!instances.owns(id)) {
    const finished = instances.finished(id);
    if (finished === undefined) return ['unknown'];
    if (!finished.wasAvailable) return ['set-up failed'];
    return [finished.disposal?.backup === true ? 'finished' : 'finished without backup'];
  }
  const view = instances.find(id)?.view;
  if (view === undefined) return [undefined];
  const [state, step = ''] = view.step.split('.');
  // Complete content is in use for callers before it has been announced.
  if (state === 'settingUp') return [view.state === 'AVAILABLE' ? 'available' : 'setting up'];
  if (state === 'available') return ['available'];
  if (state !== 'wrappingUp' || view.context.setup === undefined) return [undefined];
  const isSaved = view.context.disposal?.backup === true;
  const removing = `wrapping up, removing${isSaved ? '' : ' without backup'}`;
  if (step === 'removing' || step.startsWith('recordingRemov')) return [removing];
  if (step === 'stranded') return ['wrapping up, stranded'];
  return ['wrapping up, before the backup', ...(isSaved ? [] : [removing])];
}

/** The rows an instance goes through between a call and its answer. */
export class Rows {
  readonly #seen = new Set<string | undefined>();

  see(rows: readonly (string | undefined)[]): void {
    for (const row of rows) this.#seen.add(row);
  }

  /** Why the answer is none of those that the table has for them; undefined when it is one, or there is no row. */
  problem(call: string, answer: string): string | undefined {
    if (this.#seen.has(undefined)) return undefined;
    const rows = [...this.#seen].flatMap((row) => (row === undefined ? [] : [row]));
    const allowed = rows.map((row) => TABLE.get(row)?.get(call) ?? 'nothing that the table knows');
    // Why a set-up failed is what its initializer says. A backup that was asked for before the wrap-up is dropped.
    const isDropped = call === 'BackupWorkspace' && rows.includes('available') && rows.length > 1;
    if (isDropped && answer === 'FAILED_PRECONDITION') return undefined;
    // Content that is disposed of while an Init waits for it is told to that caller as it is to WaitForInit.
    const isWrappedUp = call.startsWith('Init') && rows.some((row) => row.startsWith('wrapping up'));
    if (isWrappedUp && rows.length > 1 && answer === 'FAILED_PRECONDITION') return undefined;
    if (allowed.includes(answer) || allowed.includes('the reason')) return undefined;
    return `${call} was answered ${answer} where the table has ${allowed.join(' or ')} (${rows.join(', ')})`;
  }
}

/** In the words of the table. */
export function answerIn(outcome: { readonly error: unknown } | { readonly value: unknown }): string {
  if ('error' in outcome) {
    const { error } = outcome;
    return error instanceof StewardError ? (status[error.entry.status] ?? 'UNKNOWN') : 'UNKNOWN';
  }
  const { value } = outcome;
  if (typeof value === 'object' && value !== null && 'exists' in value) return String(value.exists);
  return 'OK';
}
