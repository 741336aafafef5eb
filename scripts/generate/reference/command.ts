import type { Cli, Sink } from '../../../src/cli/cli.js';
import { EXIT_MEANINGS } from '../../../src/cli/exit-code.js';
import { runProgram } from '../../../src/cli/program.js';
import { VERBS } from '../../../src/cli/verbs.js';
import { realWorld } from '../../../src/gateways/real/world.js';

const WIDTH = 100;

/** Every verb as its own `--help` has it; what all share stands once. */
export async function commandPage(): Promise<string> {
  const top = await help([]);
  const globals = sectionOf(await help(['list']), 'Global Options:');
  const pages: string[] = [];
  for (const { name, group } of VERBS) {
    const own = await help([name]);
    pages.push(`## steward ${name}`, '', `*${group.replace(/:$/, '')}*`, '', ...block(withoutGlobals(own)));
    for (const inner of innerVerbs(own)) {
      const text = withoutGlobals(await help([name, inner]));
      pages.push(`### steward ${name} ${inner}`, '', ...block(text));
    }
  }
  return [
    '# The command',
    '',
    (top.split('\n')[2] ?? '').trim(),
    '',
    '## What every verb understands',
    '',
    ...block(globals),
    '## Exit codes',
    '',
    '| code | meaning |',
    '|---|---|',
    ...EXIT_MEANINGS.map(({ code, meaning }) => `| ${code} | ${meaning} |`),
    '',
    ...pages,
  ].join('\n');
}

function block(text: string): readonly string[] {
  return ['```text', text.trim(), '```', ''];
}

/** From a heading to the next one. */
function sectionOf(text: string, heading: string): string {
  const [, after = ''] = text.split(`\n${heading}\n`);
  return after.split(/\n\n/)[0] ?? '';
}

function withoutGlobals(text: string): string {
  return text.replace(/\nGlobal Options:\n(?:.+\n)+/, '');
}

function innerVerbs(text: string): readonly string[] {
  const names = sectionOf(text, 'Commands:').matchAll(/^ {2}([a-z-]+)/gm);
  return [...names].map(([, name = '']) => name).filter((name) => name !== 'help');
}

async function help(verb: readonly string[]): Promise<string> {
  const written: string[] = [];
  const sink: Sink = {
    write: (text) => written.push(typeof text === 'string' ? text : Buffer.from(text).toString()),
    isTerminal: false,
    columns: WIDTH,
    rows: undefined,
    onResize: () => () => undefined,
  };
  const cli: Cli = {
    world: realWorld(),
    env: {},
    stdin: { isTerminal: false, setRaw: () => {}, read: async function* () {}, close: () => {} },
    ...{ stdout: sink, stderr: sink, interrupted: new AbortController().signal, userName: 'you' },
    takeSignals: () => () => {},
    user: { uid: 0, home: '/root', env: {}, temporary: '/tmp' },
  };
  await runProgram(cli, [...verb, '--help']);
  return written.join('');
}
