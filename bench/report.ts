import { execFileSync } from 'node:child_process';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import type { Measuring } from './measuring.js';
import type { Row } from './row.js';
import { shell, versionOf } from './shell.js';

export interface Section {
  readonly name: string;
  readonly title: string;
  readonly rows: readonly Row[];
}

export interface Report {
  readonly machine: string;
  readonly versions: readonly string[];
  readonly settings: readonly string[];
  /** Averages over the last minute, before and after. */
  readonly load: { readonly before: number; readonly after: number };
  readonly sections: readonly Section[];
}

/** Load from which other work makes ratios of memory and CPU tell little. */
const QUIET_LOAD_MOST = 0.7;

export function loadNow(): number {
  return Math.round((loadavg()[0] ?? 0) * 100) / 100;
}

/** undefined when nothing else seems to run. */
export function noiseWarning(load: number): string | undefined {
  if (load <= QUIET_LOAD_MOST) return undefined;
  return `other work runs here (load ${load}): wait until it is quiet before believing the figures`;
}

export function reportOf(sections: readonly Section[], before: number, { workspace }: Measuring): Report {
  const [cpu] = cpus();
  const kernel = execFileSync('uname', ['-sr'], { encoding: 'utf8' }).trim();
  const files = shell('df --output=fstype "$0" | tail -1', tmpdir()).trim();
  const versions = [versionOf('tar'), zstdVersion(), versionOf('restic', 'version'), versionOf('cp')];
  return {
    machine: `${cpus().length} × ${cpu?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${kernel}, ${files}`,
    versions: [`Node ${process.version}`, ...versions.filter((version) => version !== undefined)],
    settings: [
      `workspace of ${(workspace.bytes / 1e6).toFixed(0)} MB in ${workspace.files} files, generated, the same on every run`,
      'everything on the local disk of the temporary folder, storage included; page cache warm',
      'medians of contestants that take turns in the same run',
      'memory and stops of a daemon that runs from dist/ as users run it, after a collection of garbage',
    ],
    load: { before, after: loadNow() },
    sections,
  };
}

/** Tables as Markdown, aligned so that they can be read as they are. */
export function tableOf(rows: readonly Row[]): string {
  const head = ['what', 'ours', 'against', 'result', 'target', ''];
  const cells = [
    head,
    ...rows.map((row) => [row.what, row.ours, row.against, row.result, row.target, verdict(row)]),
  ];
  const widths = head.map((_, column) => Math.max(3, ...cells.map((line) => line[column]?.length ?? 0)));
  const lines = cells.map(
    (line) => `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`,
  );
  lines.splice(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`);
  return lines.join('\n');
}

export function pageOf(report: Report): string {
  const warning = noiseWarning(report.load.before);
  return [
    '# Performance',
    '',
    'Written by `npm run bench -- --write`; nothing here is typed by hand. Each figure stands beside the real',
    'alternative, measured in the same run on the same machine: only ratios travel to other machines.',
    '',
    `- Machine: ${report.machine}`,
    `- Versions: ${report.versions.join('; ')}`,
    ...report.settings.map((setting) => `- ${setting[0]?.toUpperCase()}${setting.slice(1)}`),
    `- Load average over the minute before: ${report.load.before}${warning === undefined ? '' : `; ${warning}`}`,
    '',
    'Ours does more than the pipe: it keeps extended attributes, ACLs and holes, digests what it stores, reads every',
    'stored byte back before it counts, surveys the tree afterwards, and commits a manifest. restic encrypts',
    'and deduplicates, which ours does not.',
    ...report.sections.flatMap(({ title, rows }) => ['', `## ${title}`, '', tableOf(rows)]),
    '',
  ].join('\n');
}

function zstdVersion(): string | undefined {
  const [, version] = /v(\d[\d.]*)/.exec(versionOf('zstd') ?? '') ?? [];
  return version === undefined ? undefined : `zstd ${version}`;
}

function verdict({ isMet }: Row): string {
  if (isMet === undefined) return '';
  return isMet ? 'met' : 'MISSED';
}
