import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { benchBridge } from './bridge.js';
import { benchCalls } from './calls.js';
import { benchCli } from './cli.js';
import { benchContent } from './content.js';
import { benchLayers } from './layers.js';
import { benchManager } from './manager.js';
import { Measuring } from './measuring.js';
import { benchMemory } from './memory.js';
import { benchRecords } from './records.js';
import { loadNow, noiseWarning, pageOf, reportOf, type Section, tableOf } from './report.js';
import type { Row } from './row.js';
import { benchStops } from './stops.js';

/**
 * `npm run bench [-- part … --json --write --scale 0.1]`: medians against the real alternative, in the same run, on
 * this machine. Nothing here asserts a time; the tables say which targets are met. `--write` makes docs/performance.md,
 * `--scale` shrinks everything, to try the bench itself.
 */
const parts: Readonly<
  Record<string, { readonly title: string; run(how: Measuring): Promise<readonly Row[]> }>
> = {
  content: { title: 'Backups and restores', run: benchContent },
  layers: { title: 'Warm start', run: benchLayers },
  stops: { title: 'Many stops at once', run: benchStops },
  memory: { title: 'Memory of a backup', run: benchMemory },
  records: { title: 'Idle instances', run: benchRecords },
  calls: { title: 'Calls', run: benchCalls },
  manager: { title: 'The manager', run: benchManager },
  bridge: { title: 'The bridge', run: benchBridge },
  cli: { title: 'The command', run: benchCli },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    scale: { type: 'string', default: '1' },
  },
});
const unknown = positionals.filter((name) => !(name in parts));
if (unknown.length > 0)
  throw new Error(`${unknown.join(', ')}: there are only ${Object.keys(parts).join(', ')}`);
if (values.write && positionals.length > 0) throw new Error('--write needs all parts');

const measuring = new Measuring(Number(values.scale));
const load = loadNow();
const warning = noiseWarning(load);
if (warning !== undefined) console.error(`warning: ${warning}`);
const sections: Section[] = [];
try {
  for (const [name, { title, run }] of Object.entries(parts)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    const start = performance.now();
    const rows = await run(measuring);
    console.error(`measured ${name} in ${((performance.now() - start) / 1000).toFixed(0)} s`);
    sections.push({ name, title, rows });
    if (!values.json) console.log(`\n${title}\n\n${tableOf(rows)}\n`);
  }
} finally {
  measuring.cleanUp();
}
const report = reportOf(sections, load, measuring);
if (values.json) console.log(JSON.stringify(report, null, 2));
else console.log(`${report.machine}; ${report.versions.join('; ')}; load ${load} to ${report.load.after}`);
if (values.write) writeFileSync(join(import.meta.dirname, '../docs/performance.md'), pageOf(report));
