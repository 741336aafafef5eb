import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { outcomeVariable, type SuiteOutcome } from './test-outcome.js';
import { install, missingFor, type Requirement } from './test-requirements.js';

/**
 * What `npm test` runs: one suite after the other, so that the output stays calm. The last line counts the tests,
 * those before it name each that failed, and each that failed first and passed when tried again (CI only).
 * A suite that cannot run here is named with what it needs; with CI set that is a failure. What Debian's packages
 * bring is installed first when root runs this.
 */
const suites = ['unit', 'property', 'simulation', 'storage', 'services', 'kernel', 'integration'] as const;
const wanted = process.argv.slice(2);

type Outcome = SuiteOutcome & { readonly suite: string };

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
  const args = ['run', '--project', suite, '--reporter=dot', '--reporter=./scripts/test-outcome.ts'];
  const { status } = spawnSync(process.execPath, [vitest, ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, [outcomeVariable]: output },
  });
  try {
    const found: SuiteOutcome = JSON.parse(readFileSync(output, 'utf8'));
    return { suite, ...found, isBroken: found.isBroken || (status !== 0 && found.failed.length === 0) };
  } catch {
    return { suite, passed: 0, failed: [], flaky: [], isBroken: true };
  }
}

function report(): void {
  for (const { suite, missing } of left) {
    const names = missing.map(({ name }) => name).join(', ');
    console.error(
      `\nNOT RUN: ${suite} needs ${names}. Install it with: ${missing.map(({ install }) => install).join(' && ')}`,
    );
  }
  for (const { suite, failed, flaky, isBroken } of outcomes) {
    for (const name of failed) console.log(`FAILED (${suite}): ${name}`);
    for (const name of flaky) console.log(`FLAKY (${suite}), passed when tried again: ${name}`);
    if (isBroken) console.log(`BROKEN: ${suite} ended outside of any test, or ran none: one failure`);
  }
  const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
  const broken = outcomes.filter((outcome) => outcome.isBroken).length;
  const unmet = process.env['CI'] === undefined ? 0 : left.length;
  const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed.length, 0) + broken + unmet;
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
  console.log(`\n${passed} passed, ${failed} failed`);
}
