import type { ContentContext, ContentState } from './content-types.js';
import { stateOfRecord } from './record.js';

/** A machine's state as XState gives it: a name, or names of regions and what is inside them. */
export type StateValue = string | { readonly [region: string]: StateValue | undefined };

/** The wire's view of a state; while a recovered actor looks at the world, that of its record. */
export function contentStateOf(value: StateValue, context: ContentContext): ContentState {
  switch (outermost(value)) {
    case 'settingUp':
      return context.recorded === 'available' ? 'AVAILABLE' : 'SETTING_UP';
    case 'available':
      return 'AVAILABLE';
    case 'wrappingUp':
      return 'WRAPPING_UP';
    case 'starting':
    case 'recovering':
    case 'failed':
      return stateOfRecord(context.recorded);
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

function outermost(value: StateValue): string {
  return typeof value === 'string' ? value : (Object.keys(value)[0] ?? 'none');
}
