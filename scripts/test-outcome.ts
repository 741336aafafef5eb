import { writeFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule, TestRunEndReason } from 'vitest/node';

/** What a suite's run came to; tests by the name of their file, their full name and what was wrong. */
export interface SuiteOutcome {
  readonly passed: number;
  readonly failed: readonly string[];
  /** Failed first and passed when tried again: each is a defect, of the test or of what it tests. */
  readonly flaky: readonly string[];
  /** The runner itself ended badly: an error outside any test, a file that could not be loaded, or no test at all. */
  readonly isBroken: boolean;
}

/** Where the reporter leaves the outcome. */
export const outcomeVariable = 'STEWARD_TEST_OUTCOME';

/** A vitest reporter beside the visible one: keeps the names, which are lost among the dots of a long run. */
export default class OutcomeReporter implements Reporter {
  #passed = 0;
  readonly #failed: string[] = [];
  readonly #flaky: string[] = [];

  onTestCaseResult(test: TestCase): void {
    const { state } = test.result();
    if (state === 'failed') this.#failed.push(named(test));
    if (state !== 'passed') return;
    this.#passed++;
    if (test.diagnostic()?.flaky) this.#flaky.push(named(test));
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[], reason: TestRunEndReason): void {
    const unloaded = modules.filter((module) => module.errors().length > 0).length;
    const isEmpty = this.#passed + this.#failed.length === 0;
    const isUnexplained = reason !== 'passed' && this.#failed.length === 0;
    const outcome: SuiteOutcome = {
      passed: this.#passed,
      failed: this.#failed,
      flaky: this.#flaky,
      isBroken: errors.length > 0 || unloaded > 0 || isEmpty || isUnexplained,
    };
    const file = process.env[outcomeVariable];
    if (file !== undefined) writeFileSync(file, JSON.stringify(outcome));
  }
}

/** With the whole message of what went wrong first: a counterexample must not be lost to a second try. */
function named(test: TestCase): string {
  const error = test.result().errors?.[0];
  const why = [error?.message ?? 'no error was given', causeOf(error)].filter(Boolean).join('\nbecause: ');
  return `${test.module.relativeModuleId}: ${test.fullName}: ${why}`;
}

/** A property tells the counterexample first, and what was wrong with it as the cause. */
function causeOf(error: { readonly cause?: unknown } | undefined): string | undefined {
  const cause = error?.cause;
  if (typeof cause !== 'object' || cause === null || !('message' in cause)) return undefined;
  return String(cause.message);
}
