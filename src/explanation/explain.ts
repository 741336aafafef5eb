import { contentSentences } from './content-sentences.js';
import type { Explanation, Facts } from './facts.js';
import { instanceSentences, sentenceEnd } from './instance-sentences.js';
import { Moments } from './moments.js';
import { nextSentences } from './next-sentences.js';
import { optionsFor } from './options.js';
import { storySentences } from './story-sentences.js';
import { triedSentences } from './tried.js';

/** Why an instance is where it is, in sentences, from what is known of it and nothing else. */
export function explain(facts: Facts): Explanation {
  const moments = new Moments(facts.now);
  return {
    sentences: [
      ...instanceSentences(facts, moments),
      ...contentSentences(facts, moments),
      ...storySentences(facts, moments),
      ...(facts.unasked === '' ? [] : [`More would be known, but ${sentenceEnd(facts.unasked)}`]),
    ],
    tried: triedSentences(facts, moments),
    next: nextSentences(facts, moments),
    options: optionsFor(facts),
  };
}
