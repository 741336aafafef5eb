import type { Command } from 'commander';
import { addOneProgram } from './one-program.js';
import type { RunVerb } from './run-verb.js';

export function addBridge(program: Command, run: RunVerb): void {
  addOneProgram(program, run, 'bridge', 'run the bridge: the database and its events');
}
