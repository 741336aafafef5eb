import type { Command } from 'commander';
import { addOneProgram } from './one-program.js';
import type { RunVerb } from './run-verb.js';

export function addDaemon(program: Command, run: RunVerb): void {
  addOneProgram(program, run, 'daemon', 'run the daemon: content of workspaces on this node');
}
