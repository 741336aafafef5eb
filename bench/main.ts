import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { benchCalls } from './calls.js';
import { benchContent } from './content.js';
import { benchRecords } from './records.js';
import { milliseconds, type Row } from './row.js';

/**
 * `npm run bench [content|records|calls]`: medians of interleaved pairs against the real alternative, in the same
 * run, on this machine. Nothing here asserts a time; the table says which targets are met.
 */
const parts: Readonly<Record<string, () => Promise<readonly Row[]>>> = {
  content: contentRows,
  records: benchRecords,
  calls: benchCalls,
};
const wanted = process.argv.slice(2);

const rows: Row[] = [];
for (const [name, part] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.error(`measuring ${name} …`);
  rows.push(...(await part()));
}
print(rows);

async function contentRows(): Promise<readonly Row[]> {
  const comparisons = await benchContent();
  return comparisons.flatMap(({ name, oursMs, baselineMs, ratio, memoryBytes }) => [
    {
      what: `full ${name}, 700 MB in 40 000 files`,
      ours: milliseconds(oursMs),
      against: `${milliseconds(baselineMs)} (${name === 'backup' ? 'tar | zstd -1; sync -f' : 'zstd -d | tar -x'})`,
      result: `${ratio.toFixed(2)} ×`,
      target: '≤ 1.3 ×',
      isMet: ratio <= 1.3,
    },
    {
      what: `memory above idle during the ${name}`,
      ours: `${(memoryBytes / 2 ** 20).toFixed(0)} MiB`,
      against: '–',
      result: `${(memoryBytes / 2 ** 20).toFixed(0)} MiB`,
      target: '≤ 64 MiB',
      isMet: memoryBytes <= 64 * 2 ** 20,
    },
  ]);
}

function print(table: readonly Row[]): void {
  const [cpu] = cpus();
  const kernel = execFileSync('uname', ['-sr'], { encoding: 'utf8' }).trim();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  console.log(
    `\nNode ${process.version}, ${kernel}, ${cpus().length} × ${cpu?.model ?? 'unknown CPU'}, ${memory}\n`,
  );
  const cells = [
    ['what', 'ours', 'against', 'result', 'target', ''],
    ...table.map((row) => [
      row.what,
      row.ours,
      row.against,
      row.result,
      row.target,
      row.isMet ? 'met' : 'MISSED',
    ]),
  ];
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((line) => line[column]?.length ?? 0)),
  );
  for (const line of cells) {
    console.log(`| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`);
  }
}
