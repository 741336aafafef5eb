import type { ContentContext, ContentState } from './content-types.js';
import { stateOfRecord } from './record.js';

/** A machine's state as XState gives it: a name, or names of regions and what is inside them. */
export type StateValue = string | { readonly [region: string]: StateValue | undefined };

/** The wire's view of a state; while a recovered actor looks at the world, that of its record. */
export function contentStateOf(value: StateValue, context: ContentContext): ContentState {
  const state = stateWithin(outermost(value));
  if (state === undefined) return stateOfRecord(context.recorded);
  return state === 'SETTING_UP' && context.recorded === 'available' ? 'AVAILABLE' : state;
}

/** The same as far as a step tells it: undefined for one at an actor's start or end, of which only its record tells. */
export function contentStateOfStep(step: string): ContentState | undefined {
  return stateWithin(/^\w*/.exec(step)?.[0] ?? '');
}

function stateWithin(outermostName: string): ContentState | undefined {
  switch (outermostName) {
    case 'settingUp':
      return 'SETTING_UP';
    case 'available':
      return 'AVAILABLE';
    case 'wrappingUp':
      return 'WRAPPING_UP';
    case 'starting':
    case 'recovering':
    case 'failed':
      return undefined;
    default:
      return 'NONE';
  }
}

/** The state as one line for people and history: `wrappingUp.backingUp`, `available.working`. */
export function stepOf(value: StateValue): string {
  if (typeof value === 'string') return value;
  return Object.entries(value)
    .map(([region, inner]) => (inner === undefined ? region : `${region}.${stepOf(inner)}`))
    .join(' ');
}

/**
 * What moved the machine, in words: an event's own name, else `<step>.done`, `<step>.failed` or
 * `<step>.overdue`. XState names the ends of invoked effects after their place in the machine, those of
 * children after the child.
 */
export function causeOf(eventType: string): string {
  const [, ended, child] = /^xstate\.(done|error)\.actor\.((?:mount|veth|timer):.+)$/.exec(eventType) ?? [];
  if (child !== undefined) return `${child}.${ended === 'done' ? 'done' : 'failed'}`;
  const [, end, index, path] = /^xstate\.(done|error)\.actor\.(\d+)\.(.+)$/.exec(eventType) ?? [];
  if (path === undefined) return eventType === 'xstate.init' ? 'start' : eventType;
  const step = path.slice(path.lastIndexOf('.') + 1);
  if (end === 'error') return `${step}.failed`;
  return index === '1' || WAITS_FOR_CHILD.has(step) ? `${step}.overdue` : `${step}.done`;
}

/** States whose only effect is their deadline, because what they wait for is a child that lives already. */
const WAITS_FOR_CHILD: ReadonlySet<string> = new Set(['detaching', 'stoppingTimer']);

function outermost(value: StateValue): string {
  return typeof value === 'string' ? value : (Object.keys(value)[0] ?? 'none');
}
