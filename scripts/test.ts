import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { install, missingFor, type Requirement } from './test-requirements.js';

/**
 * What `npm test` runs: one suite after the other, so that the output stays calm. The last line counts the tests.
 * A suite that cannot run here is named with what it needs; with CI set that is a failure. What Debian's packages
 * bring is installed first when root runs this.
 */
const suites = ['unit', 'property', 'simulation', 'storage', 'services', 'kernel', 'integration'] as const;
const wanted = process.argv.slice(2);

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** The runner itself ended badly: an error outside any test, a crash, or no test at all. */
  readonly isBroken: boolean;
}

const folder = mkdtempSync(join(tmpdir(), 'steward-test-'));
const outcomes: Outcome[] = [];
const left: { suite: string; missing: readonly Requirement[] }[] = [];
try {
  for (const suite of suites) {
    if (wanted.length > 0 && !wanted.includes(suite)) continue;
    install(missingFor(suite));
    const missing = missingFor(suite);
    if (missing.length > 0) left.push({ suite, missing });
    else outcomes.push(run(suite));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
report();

function run(suite: string): Outcome {
  console.log(`\n== ${suite}`);
  const output = join(folder, `${suite}.json`);
  const require = createRequire(import.meta.url);
  const vitest = join(dirname(require.resolve('vitest/package.json')), 'vitest.mjs');
  const args = [
    'run',
    '--project',
    suite,
    '--reporter=dot',
    '--reporter=json',
    `--outputFile.json=${output}`,
  ];
  const { status } = spawnSync(process.execPath, [vitest, ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  try {
    const found = JSON.parse(readFileSync(output, 'utf8'));
    const [passed, failed] = [Number(found.numPassedTests), Number(found.numFailedTests)];
    return { passed, failed, isBroken: (status !== 0 && failed === 0) || passed + failed === 0 };
  } catch {
    return { passed: 0, failed: 0, isBroken: true };
  }
}

function report(): void {
  for (const { suite, missing } of left) {
    const names = missing.map(({ name }) => name).join(', ');
    console.error(
      `\nNOT RUN: ${suite} needs ${names}. Install it with: ${missing.map(({ install }) => install).join(' && ')}`,
    );
  }
  const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
  const broken = outcomes.filter((outcome) => outcome.isBroken).length;
  const unmet = process.env['CI'] === undefined ? 0 : left.length;
  const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0) + broken + unmet;
  if (broken > 0)
    console.error(`\n${broken} suites ended outside of any test, or ran none; each counts as a failure`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
  console.log(`\n${passed} passed, ${failed} failed`);
}
