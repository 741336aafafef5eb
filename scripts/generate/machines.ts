import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { instance } from '@viz-js/viz';
import type { AnyStateMachine } from 'xstate';
import { machines } from '../../machines/catalog.js';
import { mermaidOf } from '../../machines/diagram.js';
import { dotOf } from '../../machines/diagram-dot.js';
import { type DiagramState, graphOf } from '../../machines/diagram-graph.js';
import type { Generator } from './generator.js';

const root = join(import.meta.dirname, '..', '..');
const FOLDER = 'docs/machines';

/** What each machine promises, in its own words, and its pictures: Mermaid in Markdown, and SVG beside it. */
export const machinesGenerator: Generator = {
  name: 'machines',
  owns: [FOLDER],
  files: async () => {
    const viz = await instance();
    const files = new Map<string, string>();
    for (const [name, machine] of Object.entries(machines)) {
      files.set(`${FOLDER}/${name}.md`, await page(name, machine));
      files.set(`${FOLDER}/${name}.svg`, viz.renderString(dotOf(machine), { format: 'svg' }));
    }
    return files;
  },
};

async function page(name: string, machine: AnyStateMachine): Promise<string> {
  const diagrams = mermaidOf(machine).flatMap(({ path, text }) => [
    path === '' ? '## Overview' : `## ${path}`,
    '',
    `\`\`\`mermaid\n${text}\`\`\``,
    '',
  ]);
  return [
    `<!-- Made from machines/${name}.ts by scripts/generate/machines.ts. Do not edit. -->`,
    '',
    `# ${name}`,
    '',
    '```text',
    await contract(name),
    '```',
    '',
    ...diagrams,
    ...staying(machine),
    `All of it in one picture: [${name}.svg](${name}.svg).`,
    '',
  ].join('\n');
}

/** The comment that the machine's file opens with, or the one right before the machine. */
async function contract(name: string): Promise<string> {
  const source = await readFile(join(root, 'machines', `${name}.ts`), 'utf8');
  const [, comment] = /\/\*\*\n([\s\S]*?)\n \*\//.exec(source) ?? [];
  if (comment === undefined) throw new Error(`machines/${name}.ts does not open with its contract`);
  return comment.replaceAll(/^ \* ?/gm, '');
}

function staying(machine: AnyStateMachine): string[] {
  const rows = withInner(graphOf(machine).root).flatMap(({ path, stays }) =>
    stays.length === 0 ? [] : [`| ${path === '' ? 'any' : `\`${path}\``} | ${stays.join(', ')} |`],
  );
  if (rows.length === 0) return [];
  return [
    '## Without leaving',
    '',
    '| State | Taken note of, or refused, on the spot |',
    '|---|---|',
    ...rows,
    '',
  ];
}

function withInner(state: DiagramState): DiagramState[] {
  return [state, ...state.inner.flatMap(withInner)];
}
