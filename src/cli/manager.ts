import type { Command } from 'commander';
import { addOneProgram } from './one-program.js';
import type { RunVerb } from './run-verb.js';

export function addManager(program: Command, run: RunVerb): void {
  addOneProgram(program, run, 'manager', 'run the manager: workspaces of one cluster');
}
