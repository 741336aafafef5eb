import type { ExplainResponse } from '../gen/steward/v1/content_service.js';
import { explain } from './explain.js';
import type { Facts } from './facts.js';
import { pathOf } from './path.js';

/** An explanation as it goes over the wire. */
export function explainResponse(facts: Facts): ExplainResponse {
  const { sentences, tried, next, options } = explain(facts);
  return {
    content: facts.content,
    instance: facts.instance,
    explanation: sentences.join(' '),
    path: [...pathOf(facts.transitions)],
    tried: [...tried],
    next: [...next],
    remedy: facts.content?.failure?.remedy ?? '',
    options: options.map(({ what, command }) => ({ what, command: [...command] })),
  };
}
