/** The rules about attachments in the relation of the content machine; written by hand, like it. */
import { isDeepStrictEqual } from 'node:util';
import type { Attachment } from '../../../machines/content-attachments.js';
import type { ContentContext, Failure } from '../../../machines/content-types.js';
import { failureAt } from '../harness/happenings.js';
import type { Happening, Outcome } from '../harness/spec.js';
import * as data from './content-data.js';

type Context = ContentContext;
type Change = Partial<Context>;
type Rule = (context: Context, happening: Happening) => Outcome<Context> | undefined;

/** The attachments that the relation is tried with, by the ids of their children. */
const ATTACHMENTS: Record<string, Attachment> = {
  'mount:proc:/proc': data.mount,
  'mount:sysfs:/sys': data.otherMount,
  'veth:network': data.veth,
};

function idOf(wanted: Attachment): string {
  return Object.entries(ATTACHMENTS).find(([, one]) => isDeepStrictEqual(one, wanted))?.[0] ?? 'none';
}

export function idsOf({ attachments }: Context): string[] {
  return attachments.map(({ attachment }) => idOf(attachment));
}

/** The newest network, else the newest mount. */
export function leaving(context: Context): string {
  const ids = idsOf(context).reverse();
  return ids.find((id) => id.startsWith('veth:')) ?? ids[0] ?? 'none';
}

export function without(context: Context, id: string): Change {
  return { attachments: context.attachments.filter(({ attachment }) => idOf(attachment) !== id) };
}

function fails(failure: Failure): Change {
  return { at: failure.at, failure };
}

/** What ends with an attachment: `leave` when it is the one that was told to stop, else nothing but itself. */
export function endings(
  leave?: (context: Context, change: Change) => Outcome<Context>,
): Record<string, Rule> {
  const rules = Object.keys(ATTACHMENTS).flatMap((id) => {
    const end =
      (changeOf: (one: Happening) => Change): Rule =>
      (context, one) => {
        const change = { ...changeOf(one), ...without(context, id) };
        return leave !== undefined && id === leaving(context) ? leave(context, change) : { change };
      };
    return [
      [`${id} ends`, end(({ at }) => ({ at }))],
      [`${id} ends leaking`, end(({ failure }) => fails(failure))],
      [`${id} breaks`, end(({ failure }) => fails(failure))],
    ] as const;
  });
  return { ...Object.fromEntries(rules), 'a stranger breaks': () => ({ change: {}, breaks: true }) };
}

/** The ends of attachments as events. */
export const endEvents = Object.fromEntries(
  Object.keys(ATTACHMENTS).flatMap((id) => {
    const ended = (how: string, failing: boolean) => (at: number) => ({
      type: `xstate.done.actor.${id}`,
      actorId: id,
      output: { at, how, failure: failing ? failureAt(at, true) : undefined },
    });
    const broken = (at: number) => ({
      type: `xstate.error.actor.${id}`,
      actorId: id,
      error: failureAt(at, true),
    });
    return [
      // A mount that never came to be, and a pair that is gone, are the same to the content.
      [`${id} ends`, id.startsWith('mount:') ? ended('clean', true) : ended('forced', false)],
      [`${id} ends leaking`, ended('leaked', true)],
      [`${id} breaks`, broken],
    ];
  }),
);

/** The end of something that the machine knows nothing of, such as a result that comes too late. */
export const strangerEvents = {
  'a stranger ends': (at: number) => ({
    type: 'xstate.done.actor.stranger',
    actorId: 'stranger',
    output: { at, how: 'leaked', failure: failureAt(at, true) },
  }),
  'a stranger breaks': (at: number) => ({
    type: 'xstate.error.actor.stranger',
    actorId: 'stranger',
    error: failureAt(at, true),
  }),
};

/** ATTACH while there is room and the name is free. */
export const attaches: Record<string, Rule> = Object.fromEntries(
  Object.entries(ATTACHMENTS).map(([id, attachment]) => {
    const rule: Rule = (context, { at }) => {
      const { attachments } = context;
      if (attachments.length >= 2 || idsOf(context).includes(id)) return undefined;
      const type = attachment.kind === 'mount' ? 'MOUNT' : 'CONNECT';
      return {
        change: { at, attachments: [...attachments, { attachment, recorded: undefined }] },
        spawns: [data.childOf(attachment, at)],
        sends: [{ to: id, event: { type, at } }],
      };
    };
    return [`ATTACH ${id}`, rule];
  }),
);

/** The view of the content is refused, like whatever the relation does not name. */
export const attachEvents = Object.fromEntries(
  Object.entries({ ...ATTACHMENTS, 'the view of the content': data.view }).map(([id, attachment]) => [
    `ATTACH ${id}`,
    (at: number) => ({ type: 'ATTACH', at, attachment }),
  ]),
);
