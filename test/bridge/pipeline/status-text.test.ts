import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../../src/bridge/pipeline/json.js';
import { membersOf, mergeText } from '../../../src/bridge/pipeline/status-text.js';

/** RFC 7396, section 2. */
function merged(target: JsonValue | undefined, patch: JsonValue): JsonValue {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const isObject = typeof target === 'object' && target !== null && !Array.isArray(target);
  const result: JsonObject = isObject ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}

const name = fc.constantFrom('a', 'b', 'conditions', 'é "quoted" \\ {[,:]} $');
const { json } = fc.letrec<{ json: JsonValue }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.string({ maxLength: 8, unit: 'binary' }),
    fc.constantFrom('\\', '"', '}', ']', ',', '\\"', ' '),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('json'), { maxLength: 3 }),
    fc.dictionary(name, tie('json'), { maxKeys: 4, noNullPrototype: true }),
  ),
}));
const object = fc.dictionary(name, json, { maxKeys: 4, noNullPrototype: true });
const blanks = fc.constantFrom(undefined, 1, '\t', ' \r\n');

describe('merging into the text of a status', () => {
  it('is what RFC 7396 says, however the text is laid out', () => {
    fc.assert(
      fc.property(json, object, blanks, (stored, patch, layout) => {
        const text = mergeText(JSON.stringify(stored, null, layout), patch);
        // -0 has no sign in JSON.
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(merged(stored, patch))));
      }),
      { numRuns: 1_000 },
    );
  });

  it('leaves what it does not name as it was written, digit by digit', () => {
    const stored =
      '{"a": 1.0, "b" : {"c":[1e2 , "x\\u00e9\\"]}"],"d": 2}, "version":1 ,"e":12345678901234567890 }';
    expect(mergeText(stored, { b: { d: 3 } }, { version: 18446744073709551615n })).toBe(
      '{"a":1.0,"b":{"c":[1e2 , "x\\u00e9\\"]}"],"d":3},"version":18446744073709551615,"e":12345678901234567890}',
    );
  });

  it('takes the last of members with the same name, as every reader does', () => {
    expect([...membersOf('{"a":1,"b":2,"\\u0061":3}')]).toEqual([
      ['a', '3'],
      ['b', '2'],
    ]);
    expect(membersOf(' [1] ').size).toBe(0);
  });
});
