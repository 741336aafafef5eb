import { Argument, type Command } from 'commander';
import type { AnyStateMachine } from 'xstate';
import { machines } from '../../machines/catalog.js';
import { mermaidOf } from '../../machines/diagram.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';

const MACHINES: ReadonlyMap<string, AnyStateMachine> = new Map(Object.entries(machines));

export function addMachines(program: Command, run: RunVerb): void {
  program
    .command('machines')
    .description('print the state machines as Mermaid diagrams')
    .addArgument(new Argument('[name...]', 'which ones (default: all)').choices([...MACHINES.keys()]))
    .addHelpText(
      'after',
      example('steward machines content-state', 'steward machines --json mount veth-pair'),
    )
    .action((names: string[], _: object, command: Command) =>
      run(command, async (session) => print(session, names.length === 0 ? [...MACHINES.keys()] : names)),
    );
}

/** The whole of a machine first, then each state that has states inside. */
function print({ show }: Session, names: readonly string[]): undefined {
  for (const name of names) {
    const machine = MACHINES.get(name);
    for (const { path, text } of machine === undefined ? [] : mermaidOf(machine)) {
      const title = path === '' ? name : `${name}: ${path}`;
      show.result({ machine: name, state: path, mermaid: text }, [`%% ${title}`, text]);
    }
  }
}
