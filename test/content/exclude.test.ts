import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { readExcludes } from '../../src/content/exclude.js';
import { surveyArguments } from '../../src/content/find-arguments.js';
import { PROGRAM_ENVIRONMENT } from '../../src/content/program.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const world = realWorld();
const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

/** Of processor time: many times what it takes when each file costs about the same. */
const SECONDS = 20;

describe('patterns of a workspace', () => {
  test.each([
    ['a gap of many places', ['*a????????????????????~', '*b????????????????????~']],
    ['many of them', pairs(200).map((pair) => `*${pair}*~`)],
  ])(
    'with %s cost no more with every file that is looked at',
    async (_what, lines) => {
      const folder = join(await temporaryFolder(), 'content');
      await mkdir(folder);
      for (let file = 1; file <= 400; file += 1) await writeFile(join(folder, nameOf(file)), '');
      const { excludes } = readExcludes(lines);
      const find = world.processes.start({
        program: 'sh',
        args: ['-c', `ulimit -t ${SECONDS}; exec find "$@"`, 'sh', ...surveyArguments(excludes)],
        env: PROGRAM_ENVIRONMENT,
        cwd: folder,
      });
      const [found, said] = await Promise.all([text(find.stdout), text(find.stderr)]);
      expect(said).toBe('');
      expect(await find.exit).toEqual({ kind: 'code', code: 0 });
      expect(found.split('\0').length).toBe(2 * 401 + 1);
    },
    120_000,
  );

  test('may hold as many ? as they like where there is no *, and some where there is', () => {
    const lines = ['????????-????-????-????-????????????.core', '*.sw?', 'run-????????-*'];
    expect(readExcludes(lines).problems).toEqual([]);
    expect(readExcludes(['*a?????????']).problems).toEqual([expect.stringContaining('more than 8 ?')]);
  });
});

/** As if by chance, and the same each time. */
function letters(seed: number, count: number, among: string): string {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return among[Math.floor((state / 2_147_483_647) * among.length)];
  }).join('');
}

/** Every second one of two letters only, which a gap has most to remember of. */
function nameOf(file: number): string {
  return letters(file * 7_919, 250, file % 2 === 0 ? 'ab' : LETTERS);
}

function pairs(count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => letters((at + 1) * 104_729, 2, LETTERS));
}
