import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/**
 * Suites with real processes and timers get a second try where nobody watches, and `npm test` names each test that
 * took it. Properties and simulated worlds do not: what one seed shows, another hides.
 */
const retry = process.env['CI'] === undefined ? 0 : 1;
/** No test asks for time; a busy machine takes more of it than vitest's five seconds. */
const busy = { testTimeout: 20_000, hookTimeout: 20_000 };
const longer = { testTimeout: 60_000, hookTimeout: 60_000 };

/** What the suites of SQLite run, too: these files open whatever database there is. */
const onEveryDatabase = [
  'test/bridge/{pipeline,prebuilds,rpc}/**/*.test.ts',
  'test/bridge/clusters/{cluster-rows,update,deregister}.test.ts',
  'test/bridge/{cluster/row-loop,contents/content-feed}.test.ts',
  'test/bridge/outbox-{relay,watch}.test.ts',
  'test/database/bulk-update.test.ts',
  'test/property/bridge-*.test.ts',
];

/** `expect.poll` gives up after a second otherwise. */
const patient = { expect: { poll: { timeout: 15_000 } } };
/** Only where properties are: it costs each file some time. */
const steady = { setupFiles: ['test/support/steady-seed.ts'] };

export default defineConfig({
  test: {
    // vitest leaves one core to itself; on two cores that is one test file at a time, of which most wait.
    maxWorkers: Math.max(2, availableParallelism()),
    projects: [
      project(
        'unit',
        ['test/**/*.test.ts'],
        ['test/{property,simulation,integration,chaos,kernel,services}/**', 'test/storage/servers/**'],
        { ...busy, ...steady, retry },
      ),
      project('property', ['test/property/**/*.test.ts'], [], { ...longer, ...steady }),
      project('simulation', ['test/simulation/**/*.test.ts'], [], { testTimeout: 600_000 }),
      project('storage', ['test/storage/servers/**/*.test.ts'], [], { ...longer, retry }),
      project('services', ['test/services/**/*.test.ts', ...onEveryDatabase], [], {
        ...longer,
        ...steady,
        retry,
        globalSetup: ['test/support/services.ts'],
      }),
      project('kernel', ['test/kernel/**/*.test.ts'], [], { ...longer, retry }),
      project('integration', ['test/integration/**/*.test.ts'], [], { ...longer, retry }),
    ],
  },
});

function project(name: string, include: string[], exclude: string[], options: object) {
  const leftOut = [...exclude, '**/node_modules/**', 'dist/**'];
  return { test: { name, include, exclude: leftOut, ...patient, ...options } };
}
