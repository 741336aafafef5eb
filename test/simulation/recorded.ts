import type { Content } from '../../src/gateways/simulated/inode.js';
import type { DiskView, Moment } from './disk-view.js';
import { AREA } from './life.js';

/** What the record of an instance says on disk, as far as the promises need it. */
export interface OnDisk {
  readonly step: string;
  readonly isComplete: boolean;
  readonly backup: boolean | undefined;
  readonly verified: boolean;
  readonly finalGeneration: number | undefined;
  readonly failureCode: string | undefined;
  /** Tickets of what is still to be made. */
  readonly jobs: readonly number[];
}

export function recordOf(disk: DiskView, instance: string, moment: Moment): OnDisk | undefined {
  const body = bodyOf(disk.stored(`${AREA.records}/${instance}.record`, moment));
  if (body === undefined) return undefined;
  return {
    step: String(body['step']),
    isComplete: body['setup'] !== undefined,
    backup: booleanIn(body['disposal'], 'backup'),
    verified: body['verified'] === true,
    finalGeneration: numberIn(body['finalBackup'], 'generation'),
    failureCode: stringIn(body['failure'], 'code'),
    jobs: numbersIn(body['jobs'], 'ticket'),
  };
}

/** Whether the end of the instance is remembered. */
export function isFinished(disk: DiskView, instance: string, moment: Moment): boolean {
  return bodyOf(disk.stored(`${AREA.finished}/${instance}.record`, moment)) !== undefined;
}

type Body = Record<string, unknown> | undefined;

/** The same content is asked for with every transition. */
const bodies = new WeakMap<Content, { readonly body: Body }>();

function bodyOf(content: Content | undefined): Body {
  if (content === undefined) return undefined;
  const known = bodies.get(content);
  if (known !== undefined) return known.body;
  const body = bodyIn(content.bytes().toString('utf8'));
  bodies.set(content, { body });
  return body;
}

function bodyIn(text: string): Body {
  const [, json = ''] = text.split('\n');
  try {
    const body: unknown = JSON.parse(json);
    return typeof body === 'object' && body !== null ? { ...body } : undefined;
  } catch {
    return undefined;
  }
}

function fieldIn(value: unknown, field: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, field) : undefined;
}

function booleanIn(value: unknown, field: string): boolean | undefined {
  const found = fieldIn(value, field);
  return typeof found === 'boolean' ? found : undefined;
}

function numberIn(value: unknown, field: string): number | undefined {
  const found = fieldIn(value, field);
  return typeof found === 'number' ? found : undefined;
}

function numbersIn(list: unknown, field: string): readonly number[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((one: unknown) => numberIn(one, field) ?? []);
}

function stringIn(value: unknown, field: string): string | undefined {
  const found = fieldIn(value, field);
  return typeof found === 'string' ? found : undefined;
}
